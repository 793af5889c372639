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
    private volatile ReadingStart _start = ReadingStart.Nothing;

    /// <summary>Batches in log order.</summary>
    public ChannelReader<RecordBatch> Batches => _batches.Reader;

    /// <summary>False when the batch's partitions were taken away or are read again: it need not be written then.</summary>
    public bool IsCurrent(RecordBatch batch) => batch.Start == _start && !batch.Start.IsOver;

    /// <summary>What is being read now.</summary>
    public ReadingStart Start => _start;

    /// <summary>Completes when the thread has ended; fails with what ended it.</summary>
    public Task Ended => _ended.Task;

    public void Begin() => new Thread(Run) { Name = "log-consumer", IsBackground = true }.Start();

    /// <summary>Commits, leaves the group, ends the thread.</summary>
    public async Task StopAsync()
    {
        await _stop.CancelAsync();
        await _ended.Task;
    }

    /// <summary>Everything of the batch is in Postgres.</summary>
    public void Written(RecordBatch batch) => commits.Written(batch.Ranges);

    /// <summary>Reads all partitions again from where Postgres has them, unless that has happened since <paramref name="start"/>.</summary>
    public void ReadAgain(ReadingStart start) => start.End();

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
        var start = ReadingStart.Nothing;
        var startedAt = 0L;
        var isPaused = false;
        while (!_stop.IsCancellationRequested)
        {
            if (_start.IsOver)
                StartOver(consumer);
            var consumed = Read(consumer, batch is null || isPaused ? IdlePoll : Remaining(startedAt));
            if (start != _start)
            {
                (start, batch) = (_start, _start.Closed.Count > 0 ? RecordBatch.First(_start) : null);
                // A partition that was paused when it was taken is still paused when it comes back.
                isPaused = false;
                SetPaused(consumer, isPaused);
            }
            if (consumed is not null)
            {
                if (batch is null)
                    startedAt = time.GetTimestamp();
                batch ??= new RecordBatch(start);
                Add(batch, consumed);
            }
            // The first batch of a start does not wait: chat does, for the partitions that it opens.
            var isDue = batch is not null
                && (batch.Count == 0 || batch.Count >= options.BatchRecords || batch.Bytes >= options.BatchBytes || Remaining(startedAt) == TimeSpan.Zero);
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
        Begin(starts.Find(consumer, partitions));
        Log.Assigned(logger, Text(_start.Offsets));
        return _start.Offsets;
    }

    private void StartOver(IConsumer<byte[]?, byte[]?> consumer)
    {
        Begin(starts.Find(consumer, consumer.Assignment));
        foreach (var offset in _start.Offsets)
            consumer.Seek(offset);
        Log.StartedOver(logger, Text(_start.Offsets));
    }

    private void Taken(IConsumer<byte[]?, byte[]?>? consumer)
    {
        if (consumer is not null)
            commits.CommitNow(consumer);
        Begin(ReadingStart.Nothing);
    }

    private void Begin(ReadingStart start)
    {
        commits.Begin(start.Offsets);
        _next.Clear();
        foreach (var offset in start.Offsets.Where(offset => offset.Offset.Value >= 0))
            _next[offset.Partition.Value] = offset.Offset.Value;
        _start = start;
    }

    private static string Text(IReadOnlyList<TopicPartitionOffset> offsets) => string.Join(", ", offsets.Select(offset => $"{offset.Partition.Value}@{offset.Offset}"));

    public void Dispose() => _stop.Dispose();

    private static partial class Log
    {
        [LoggerMessage(4301, LogLevel.Information, "Reading partitions {Offsets}")]
        public static partial void Assigned(ILogger logger, string offsets);

        [LoggerMessage(4302, LogLevel.Information, "An epoch has begun, or Postgres has less of the log than this process had handed on; reading again from {Offsets}")]
        public static partial void StartedOver(ILogger logger, string offsets);

        [LoggerMessage(4303, LogLevel.Warning, "The log cannot be read now: {Reason}")]
        public static partial void ReadFailed(ILogger logger, string reason);

        [LoggerMessage(4304, LogLevel.Error, "The Kafka consumer cannot go on and is built anew: {Reason}")]
        public static partial void Rebuilding(ILogger logger, string reason);

        [LoggerMessage(4305, LogLevel.Debug, "Kafka client: {Message}")]
        public static partial void ClientError(ILogger logger, string message);
    }
}
