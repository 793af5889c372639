using System.Collections.Concurrent;
using Chat.Contracts;
using Chat.Data.Writing;
using Confluent.Kafka;

namespace Chat.Persister;

/// <summary>
/// Tells the consumer group how far Postgres is, after the fact, and measures the lag. Nothing rests on these offsets while Postgres answers,
/// so a commit that fails is tried again with the next one.
/// </summary>
internal sealed partial class OffsetCommits(PersisterMetrics metrics, TimeProvider time, ILogger<OffsetCommits> logger)
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);

    private readonly ConcurrentDictionary<int, long> _written = new();
    private readonly Dictionary<int, long> _committed = [];
    private readonly Dictionary<int, long> _started = [];
    private long _followedAt = time.GetTimestamp();

    /// <summary>Called by the writing stage, everything else by the consumer's thread.</summary>
    public void Written(IReadOnlyList<LogRange> ranges)
    {
        foreach (var range in ranges)
            _written.AddOrUpdate(range.Partition, range.To, (_, before) => Math.Max(before, range.To));
    }

    /// <summary>Commits and measures once a second.</summary>
    public void Follow(IConsumer<byte[]?, byte[]?> consumer)
    {
        if (time.GetElapsedTime(_followedAt) < Interval)
            return;
        _followedAt = time.GetTimestamp();
        CommitNow(consumer);
        metrics.Lag(consumer.Assignment.Sum(partition => Lag(consumer, partition)));
    }

    public void CommitNow(IConsumer<byte[]?, byte[]?> consumer)
    {
        var moved = _written.Where(written => _committed.GetValueOrDefault(written.Key, -1) < written.Value).ToList();
        if (moved.Count == 0)
            return;
        try
        {
            consumer.Commit(moved.Select(written => new TopicPartitionOffset(LogTopics.Events, written.Key, written.Value)));
            foreach (var (partition, offset) in moved)
                _committed[partition] = offset;
        }
        catch (KafkaException failure)
        {
            Log.NotCommitted(logger, failure.Error.Reason);
        }
    }

    /// <summary>Another assignment begins: what was written under the last one is no longer this process' to commit.</summary>
    public void Begin(IReadOnlyList<TopicPartitionOffset> offsets)
    {
        _written.Clear();
        _committed.Clear();
        _started.Clear();
        foreach (var offset in offsets)
            _started[offset.Partition.Value] = offset.Offset.Value;
    }

    private long Lag(IConsumer<byte[]?, byte[]?> consumer, TopicPartition partition)
    {
        // What the client heard with its last fetch; nothing is asked.
        var log = consumer.GetWatermarkOffsets(partition);
        if (log.High.Value < 0)
            return 0;
        var next = _written.TryGetValue(partition.Partition.Value, out var written) ? written : _started.GetValueOrDefault(partition.Partition.Value);
        return Math.Max(0, log.High.Value - Math.Max(next, log.Low.Value));
    }

    private static partial class Log
    {
        [LoggerMessage(4501, LogLevel.Information, "The group's offsets were not committed; they follow with the next: {Reason}")]
        public static partial void NotCommitted(ILogger logger, string reason);
    }
}
