using System.Collections.Concurrent;
using System.Globalization;
using Chat.LocalKafka.Log;
using Chat.LocalKafka.Protocol;
using Microsoft.Extensions.Logging;

namespace Chat.LocalKafka.Topics;

/// <summary>Why a topic could not be made or changed.</summary>
internal readonly record struct TopicFault(ErrorCode Error, string? Message);

/// <summary>
/// All topics of the broker and their directories. A topic that is listed here is on the disk; changes happen one at a time,
/// look-ups take no lock.
/// </summary>
internal sealed partial class TopicRegistry : IDisposable
{
    private readonly Lock _changes = new();
    private readonly ConcurrentDictionary<string, Topic> _topics = new(StringComparer.Ordinal);
    private readonly string _root;
    private readonly string _trash;
    private readonly KafkaBrokerOptions _options;
    private readonly Flusher _flusher;
    private readonly TimeProvider _time;
    private readonly ILogger _log;

    public TopicRegistry(string dataDirectory, KafkaBrokerOptions options, Flusher flusher, TimeProvider time, ILogger log)
    {
        _root = Path.Combine(dataDirectory, "topics");
        _trash = Path.Combine(dataDirectory, "trash");
        _options = options;
        _flusher = flusher;
        _time = time;
        _log = log;
        Directory.CreateDirectory(_root);
        Directory.CreateDirectory(_trash); // Made now: a topic must be deletable on a full disk.
        foreach (var discarded in Directory.EnumerateDirectories(_trash))
            Directory.Delete(discarded, recursive: true);
        OpenAll();
    }

    public IEnumerable<Topic> All => _topics.Values.OrderBy(t => t.Name, StringComparer.Ordinal);

    public Topic? Find(string name) => _topics.GetValueOrDefault(name);

    public Topic? Find(Guid id) => _topics.Values.FirstOrDefault(t => t.Id == id);

    public PartitionLog? FindPartition(string topic, int partition) => Find(topic)?.Partition(partition);

    /// <summary>Makes a topic, or with <paramref name="validateOnly"/> says what would become of it.</summary>
    public Topic? Create(string name, int partitions, IReadOnlyDictionary<string, string> settings, bool validateOnly, out TopicFault fault)
    {
        lock (_changes)
        {
            fault = FindFault(name, partitions, settings);
            if (fault.Error != ErrorCode.None)
                return null;
            var file = new TopicFile(Guid.NewGuid(), partitions, new(settings));
            if (validateOnly)
                return new Topic(name, Guid.Empty, file.Settings, new PartitionLog[partitions]);
            var directory = Path.Combine(_root, name);
            try
            {
                Discard(directory); // What an earlier attempt may have left.
                Directory.CreateDirectory(directory);
                var topic = Open(name, file);
                file.Write(directory);
                Durable.FlushDirectory(_root);
                Log.Created(_log, name, partitions);
                return _topics[name] = topic;
            }
            catch (IOException failure)
            {
                fault = new TopicFault(ErrorCode.KafkaStorageError, failure.Message);
                return null;
            }
        }
    }

    /// <summary>The topic, made with the defaults when there is none: what Kafka does for clients that ask for a topic's metadata.</summary>
    public Topic? FindOrCreate(string name, out TopicFault fault)
    {
        fault = default;
        if (Find(name) is { } known)
            return known;
        var made = Create(name, _options.DefaultPartitions, new Dictionary<string, string>(), validateOnly: false, out fault);
        return fault.Error == ErrorCode.TopicAlreadyExists ? Find(name) : made;
    }

    public bool Delete(string name)
    {
        lock (_changes)
        {
            if (!_topics.TryRemove(name, out var topic))
                return false;
            foreach (var partition in topic.Partitions)
                partition.Abandon();
            Discard(Path.Combine(_root, name));
            Log.Deleted(_log, name);
            return true;
        }
    }

    public TopicFault AddPartitions(string name, int total, bool validateOnly)
    {
        lock (_changes)
        {
            if (Find(name) is not { } topic)
                return new(ErrorCode.UnknownTopicOrPartition, null);
            var present = topic.Partitions.Length;
            if (total <= present)
                return new(ErrorCode.InvalidPartitions, $"The topic currently has {present} partition(s); {total} would not be an increase.");
            if (ExceedsBound(total - present) is { } tooMany)
                return tooMany;
            if (validateOnly)
                return default;
            var file = new TopicFile(topic.Id, total, new(topic.Settings));
            try
            {
                var more = Open(name, file, from: present);
                file.Write(Path.Combine(_root, name));
                _topics[name] = topic with { Partitions = [.. topic.Partitions, .. more.Partitions] };
                return default;
            }
            catch (IOException failure)
            {
                return new(ErrorCode.KafkaStorageError, failure.Message);
            }
        }
    }

    /// <summary>Replaces a topic's settings, which have been validated.</summary>
    public void Configure(string name, IReadOnlyDictionary<string, string> settings)
    {
        lock (_changes)
        {
            if (Find(name) is not { } topic)
                return;
            new TopicFile(topic.Id, topic.Partitions.Length, new(settings)).Write(Path.Combine(_root, name));
            var config = TopicSettings.Apply(_options.LogDefaults, settings);
            foreach (var partition in topic.Partitions)
                partition.Config = config;
            _topics[name] = topic with { Settings = settings };
        }
    }

    public void ApplyRetention()
    {
        foreach (var partition in _topics.Values.SelectMany(t => t.Partitions))
            partition.ApplyRetention(_options.ProducerIdExpiration);
    }

    public void Dispose() =>
        Parallel.ForEach(_topics.Values.SelectMany(t => t.Partitions), partition => partition.Dispose());

    private TopicFault FindFault(string name, int partitions, IReadOnlyDictionary<string, string> settings)
    {
        if (!TopicName.IsValid(name))
            return new(ErrorCode.InvalidTopicException, "A topic name has 1 to 249 characters of a-z, A-Z, 0-9, '.', '_' and '-', and is not '.' or '..'.");
        if (_topics.ContainsKey(name))
            return new(ErrorCode.TopicAlreadyExists, $"Topic '{name}' already exists.");
        if (partitions < 1)
            return new(ErrorCode.InvalidPartitions, "Number of partitions must be larger than 0.");
        if (TopicSettings.FindFault(settings!) is { } fault)
            return new(ErrorCode.InvalidConfig, fault);
        return ExceedsBound(partitions) ?? default;
    }

    private TopicFault? ExceedsBound(int more)
    {
        var present = _topics.Values.Sum(t => t.Partitions.Length);
        return more <= _options.MaxPartitions - present
            ? null
            : new(ErrorCode.PolicyViolation, $"This broker opens at most {_options.MaxPartitions} partitions and has {present}; start it with a higher --max-partitions.");
    }

    private Topic Open(string name, TopicFile file, int from = 0)
    {
        var config = TopicSettings.Apply(_options.LogDefaults, file.Settings);
        var partitions = Enumerable.Range(from, file.Partitions - from).Select(index => new PartitionLog(
            Path.Combine(_root, name, index.ToString(CultureInfo.InvariantCulture)), config, _options.MaxProducersPerPartition, _flusher, _time, _log));
        return new Topic(name, file.Id, file.Settings, [.. partitions]);
    }

    /// <summary>Takes a directory out of the way at once, whatever still has files open in it, and then deletes it.</summary>
    private void Discard(string directory)
    {
        if (!Directory.Exists(directory))
            return;
        var discarded = Path.Combine(_trash, Guid.NewGuid().ToString("N"));
        Directory.Move(directory, discarded);
        Durable.FlushDirectory(_root);
        Directory.Delete(discarded, recursive: true);
    }

    private void OpenAll() =>
        Parallel.ForEach(Directory.EnumerateDirectories(_root), directory =>
        {
            var name = Path.GetFileName(directory);
            if (TopicFile.TryRead(directory) is { } file)
            {
                _topics[name] = Open(name, file);
                return;
            }

            Log.Unfinished(_log, name);
            Discard(directory);
        });

    private static partial class Log
    {
        [LoggerMessage(200, LogLevel.Information, "Created topic {Topic} with {Partitions} partition(s).")]
        public static partial void Created(ILogger logger, string topic, int partitions);

        [LoggerMessage(201, LogLevel.Information, "Deleted topic {Topic}.")]
        public static partial void Deleted(ILogger logger, string topic);

        [LoggerMessage(202, LogLevel.Warning, "Removed the directory of topic {Topic}, whose creation or deletion had not been finished.")]
        public static partial void Unfinished(ILogger logger, string topic);
    }
}
