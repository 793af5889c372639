using Chat.Data.Writing;
using Confluent.Kafka;
using Npgsql;

namespace Chat.Persister;

/// <summary>
/// Says from where a partition is read: where Postgres has it. Without Postgres the group's own offsets serve: they follow Postgres', so they only repeat.
/// Runs on the consumer's thread, inside its handlers, and so blocks it.
/// </summary>
internal sealed partial class PartitionStarts(NpgsqlDataSource database, ILogger<PartitionStarts> logger)
{
    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(3);

    public IReadOnlyList<TopicPartitionOffset> Find(IConsumer<byte[]?, byte[]?> consumer, IReadOnlyList<TopicPartition> partitions)
    {
        try
        {
            var positions = Wait(token => LogPositions.ReadAsync(database, token));
            return [.. partitions.Select(partition => new TopicPartitionOffset(
                partition, positions.TryGetValue(partition.Partition.Value, out var position) ? Check(consumer, partition, position) : Offset.Beginning))];
        }
        catch (Exception failure) when (failure is NpgsqlException or OperationCanceledException or TimeoutException)
        {
            Log.PostgresAway(logger, failure.Message);
            return FindCommitted(consumer, partitions);
        }
    }

    /// <summary>The position, or the start of the log when the log no longer has it.</summary>
    private Offset Check(IConsumer<byte[]?, byte[]?> consumer, TopicPartition partition, long position)
    {
        WatermarkOffsets log;
        try
        {
            log = consumer.QueryWatermarkOffsets(partition, Timeout);
        }
        catch (KafkaException failure)
        {
            Log.NotChecked(logger, partition.Partition.Value, failure.Error.Reason);
            return position;
        }
        if (position >= log.Low.Value && position <= log.High.Value)
            return position;
        // Records that are gone cannot be persisted any more, and those of a log that was made anew were never looked at.
        Log.NotInLog(logger, partition.Partition.Value, position, log.Low.Value, log.High.Value);
        Wait(async token =>
        {
            await LogPositions.ReplaceAsync(database, partition.Partition.Value, position, log.Low.Value, token);
            return true;
        });
        return log.Low;
    }

    private List<TopicPartitionOffset> FindCommitted(IConsumer<byte[]?, byte[]?> consumer, IReadOnlyList<TopicPartition> partitions)
    {
        try
        {
            return [.. consumer.Committed(partitions, Timeout).Select(committed =>
                new TopicPartitionOffset(committed.TopicPartition, committed.Offset.Value >= 0 ? committed.Offset : Offset.Beginning))];
        }
        catch (KafkaException failure)
        {
            Log.NoOffsets(logger, failure.Error.Reason);
            return [.. partitions.Select(partition => new TopicPartitionOffset(partition, Offset.Beginning))];
        }
    }

    // The thread is the consumer's own and has nothing else to do until it knows where to read.
    private static T Wait<T>(Func<CancellationToken, Task<T>> question)
    {
        using var deadline = new CancellationTokenSource(Timeout);
        return question(deadline.Token).GetAwaiter().GetResult();
    }

    private static partial class Log
    {
        [LoggerMessage(4401, LogLevel.Warning, "Postgres does not say where to read; the group's own offsets serve: {Reason}")]
        public static partial void PostgresAway(ILogger logger, string reason);

        [LoggerMessage(4402, LogLevel.Warning, "Partition {Partition} was not checked against the log: {Reason}")]
        public static partial void NotChecked(ILogger logger, int partition, string reason);

        [LoggerMessage(4403, LogLevel.Error, "Partition {Partition} is persisted up to {Position}, but the log has {Low} to {High}: records were deleted before they were persisted, or the log was made anew. Reading starts at {Low}")]
        public static partial void NotInLog(ILogger logger, int partition, long position, long low, long high);

        [LoggerMessage(4404, LogLevel.Warning, "The group's offsets are not known; reading starts at the beginning, which changes nothing that is persisted: {Reason}")]
        public static partial void NoOffsets(ILogger logger, string reason);
    }
}
