using System.Threading.Channels;
using Chat.Contracts;
using Confluent.Kafka;

namespace Chat.Persister;

/// <summary>
/// Reads the log on a thread of its own and hands it on in batches. A partition is always read from where Postgres has it, so what this process had read but
/// not written when a partition was taken from it is read again by whoever has it then. Never stops polling: while the stages behind are full it only pauses.
/// </summary>
internal sealed partial class LogConsumer(
    ConsumerConfig config, PersisterOptions options, PartitionStarts starts, OffsetCommits commits, TimeProvider time, ILogger<LogConsumer> logger) : IDisposable
{
    private static readonly TimeSpan IdlePoll = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan RebuildAfter = TimeSpan.FromSeconds(2);

    // One waits while the next is gathered; what waits for Postgres is bounded behind the numbering.
    private readonly Channel<RecordBatch> _batches = Channel.CreateBounded<RecordBatch>(new BoundedChannelOptions(1) { SingleReader = true, SingleWriter = true });
    private readonly Dictionary<int, long> _next = [];
    private readonly CancellationTokenSource _stop = new();
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _assignment;
    private int _readAgain = -1;

    /// <summary>Batches in log order.</summary>
    public ChannelReader<RecordBatch> Batches => _batches.Reader;

    /// <summary>False when the batch's partitions were taken away or are read again: it need not be written then.</summary>
    public bool IsCurrent(RecordBatch batch) => batch.Assignment == Volatile.Read(ref _assignment) && batch.Assignment != Volatile.Read(ref _readAgain);

    /// <summary>Completes when the thread has ended; fails with what ended it.</summary>
    public Task Ended => _ended.Task;

    public void Start() => new Thread(Run) { Name = "log-consumer", IsBackground = true }.Start();

    /// <summary>Commits, leaves the group, ends the thread.</summary>
    public async Task StopAsync()
    {
        await _stop.CancelAsync();
        await _ended.Task;
    }

    /// <summary>Everything of the batch is in Postgres.</summary>
    public void Written(RecordBatch batch) => commits.Written(batch.Ranges);

    /// <summary>Reads all partitions again from where Postgres has them, unless that has happened since <paramref name="assignment"/>.</summary>
    public void ReadAgain(int assignment) => Volatile.Write(ref _readAgain, assignment);

    private void Run()
    {
        try
        {
            while (!_stop.IsCancellationRequested)
                RunConsumer();
            _batches.Writer.Complete();
            _ended.SetResult();
        }
        catch (Exception failure)
        {
            // Whoever waits for the end or for a batch gets it.
            _batches.Writer.TryComplete(failure);
            _ended.SetException(failure);
        }
    }

    private void RunConsumer()
    {
        using var consumer = new ConsumerBuilder<byte[]?, byte[]?>(config)
            .SetPartitionsAssignedHandler(Assigned)
            .SetPartitionsRevokedHandler((consumer, _) => Taken(consumer))
            // They belong to somebody else already: there is nothing to commit.
            .SetPartitionsLostHandler((_, _) => Taken(null))
            .SetErrorHandler((_, error) => Log.ClientError(logger, error.Reason))
            .SetLogHandler((_, message) => Log.ClientError(logger, message.Message))
            .Build();
        try
        {
            consumer.Subscribe(LogTopics.Events);
            Consume(consumer);
        }
        catch (KafkaException failure)
        {
            Log.Rebuilding(logger, failure.Error.Reason);
            _stop.Token.WaitHandle.WaitOne(RebuildAfter * (0.5 + Random.Shared.NextDouble()));
        }
        finally
        {
            // Leaves the group at once instead of after the session time-out; the revoked handler commits.
            consumer.Close();
        }
    }

    private void Consume(IConsumer<byte[]?, byte[]?> consumer)
    {
        RecordBatch? batch = null;
        var startedAt = 0L;
        var isPaused = false;
        while (!_stop.IsCancellationRequested)
        {
            if (Volatile.Read(ref _readAgain) == _assignment)
                StartOver(consumer);
            var consumed = Read(consumer, batch is null || isPaused ? IdlePoll : Remaining(startedAt));
            if (batch?.Assignment != _assignment)
                (batch, startedAt) = (null, time.GetTimestamp());
            if (consumed is not null)
            {
                batch ??= new RecordBatch(_assignment);
                Add(batch, consumed);
            }
            var isDue = batch is not null && (batch.Count >= options.BatchRecords || batch.Bytes >= options.BatchBytes || Remaining(startedAt) == TimeSpan.Zero);
            if (isDue && _batches.Writer.TryWrite(batch!))
                (batch, isDue) = (null, false);
            if (isDue != isPaused)
            {
                isPaused = isDue;
                SetPaused(consumer, isPaused);
            }
            commits.Follow(consumer);
        }
    }

    private TimeSpan Remaining(long startedAt)
    {
        var left = options.BatchMilliseconds - time.GetElapsedTime(startedAt).TotalMilliseconds;
        return left > 0 ? TimeSpan.FromMilliseconds(Math.Ceiling(left)) : TimeSpan.Zero;
    }

    private ConsumeResult<byte[]?, byte[]?>? Read(IConsumer<byte[]?, byte[]?> consumer, TimeSpan wait)
    {
        try
        {
            return consumer.Consume(wait);
        }
        catch (ConsumeException failure) when (!failure.Error.IsFatal)
        {
            // The client goes on by itself (a topic that is just being made, a broker that restarts).
            Log.ReadFailed(logger, failure.Error.Reason);
            return null;
        }
    }

    private void Add(RecordBatch batch, ConsumeResult<byte[]?, byte[]?> consumed)
    {
        var partition = consumed.Partition.Value;
        batch.Add(consumed, _next.TryGetValue(partition, out var from) ? from : consumed.Offset.Value);
        _next[partition] = consumed.Offset.Value + 1;
    }

    private static void SetPaused(IConsumer<byte[]?, byte[]?> consumer, bool isPaused)
    {
        if (isPaused)
            consumer.Pause(consumer.Assignment);
        else
            consumer.Resume(consumer.Assignment);
    }

    private IEnumerable<TopicPartitionOffset> Assigned(IConsumer<byte[]?, byte[]?> consumer, List<TopicPartition> partitions)
    {
        var offsets = starts.Find(consumer, partitions);
        Begin(offsets);
        Log.Assigned(logger, string.Join(", ", offsets.Select(offset => $"{offset.Partition.Value}@{offset.Offset}")));
        return offsets;
    }

    private void StartOver(IConsumer<byte[]?, byte[]?> consumer)
    {
        var offsets = starts.Find(consumer, consumer.Assignment);
        Begin(offsets);
        foreach (var offset in offsets)
            consumer.Seek(offset);
        Log.StartedOver(logger, string.Join(", ", offsets.Select(offset => $"{offset.Partition.Value}@{offset.Offset}")));
    }

    private void Taken(IConsumer<byte[]?, byte[]?>? consumer)
    {
        if (consumer is not null)
            commits.CommitNow(consumer);
        Begin([]);
    }

    private void Begin(IReadOnlyList<TopicPartitionOffset> offsets)
    {
        commits.Begin(offsets);
        _next.Clear();
        foreach (var offset in offsets.Where(offset => offset.Offset.Value >= 0))
            _next[offset.Partition.Value] = offset.Offset.Value;
        Interlocked.Increment(ref _assignment);
    }

    public void Dispose() => _stop.Dispose();

    private static partial class Log
    {
        [LoggerMessage(4301, LogLevel.Information, "Reading partitions {Offsets}")]
        public static partial void Assigned(ILogger logger, string offsets);

        [LoggerMessage(4302, LogLevel.Warning, "Postgres has less of the log than this process had handed on; reading again from {Offsets}")]
        public static partial void StartedOver(ILogger logger, string offsets);

        [LoggerMessage(4303, LogLevel.Warning, "The log cannot be read now: {Reason}")]
        public static partial void ReadFailed(ILogger logger, string reason);

        [LoggerMessage(4304, LogLevel.Error, "The Kafka consumer cannot go on and is built anew: {Reason}")]
        public static partial void Rebuilding(ILogger logger, string reason);

        [LoggerMessage(4305, LogLevel.Debug, "Kafka client: {Message}")]
        public static partial void ClientError(ILogger logger, string message);
    }
}
