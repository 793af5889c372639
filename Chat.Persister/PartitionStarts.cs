using Chat.Data.Numbering;
using Chat.Data.Writing;
using Confluent.Kafka;
using Npgsql;

namespace Chat.Persister;

/// <summary>
/// Says from where a partition is read: where Postgres has it. Without Postgres the group's own offsets serve: they follow Postgres', so they only repeat.
/// The end of a closed partition is asked for after Postgres has named the epoch: what a node numbered in an earlier one lies before it.
/// Runs on the consumer's thread, inside its handlers, and so blocks it.
/// </summary>
internal sealed partial class PartitionStarts(NpgsqlDataSource database, EpochStore epochs, OpenPartitions open, ILogger<PartitionStarts> logger)
{
    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(3);

    public ReadingStart Find(IConsumer<byte[]?, byte[]?> consumer, IReadOnlyList<TopicPartition> partitions)
    {
        try
        {
            var (epoch, positions) = Wait(token => LogPositions.ReadAsync(database, token));
            open.Learn(epoch, positions.Where(position => position.Value.Epoch == epoch).Select(position => position.Key));
            var closed = new Dictionary<int, long>();
            var offsets = new List<TopicPartitionOffset>();
            foreach (var partition in partitions)
            {
                long? position = positions.TryGetValue(partition.Partition.Value, out var known) ? known.NextOffset : null;
                // Before the first epoch nothing can have been lost, as in it.
                var isOpen = epoch <= 0 || known.Epoch == epoch;
                if (!isOpen || position is not null)
                {
                    var (start, end) = Check(consumer, partition, position);
                    offsets.Add(new TopicPartitionOffset(partition, start));
                    if (!isOpen)
                        closed[partition.Partition.Value] = end;
                }
                else
                {
                    offsets.Add(new TopicPartitionOffset(partition, Offset.Beginning));
                }
            }
            return new ReadingStart(offsets, epoch, closed);
        }
        catch (Exception failure) when (failure is NpgsqlException or OperationCanceledException or TimeoutException)
        {
            Log.PostgresAway(logger, failure.Message);
            return FindWithoutPostgres(consumer, partitions);
        }
    }

    private ReadingStart FindWithoutPostgres(IConsumer<byte[]?, byte[]?> consumer, IReadOnlyList<TopicPartition> partitions)
    {
        var epoch = epochs.Known;
        var closed = partitions.Select(partition => partition.Partition.Value).Where(partition => !open.Has(partition, epoch));
        return new ReadingStart(FindCommitted(consumer, partitions), epoch >= 0 ? epoch : null, closed.ToDictionary(partition => partition, _ => ReadingStart.UnknownEnd));
    }

    /// <summary>The position, or the start of the log when there is none or the log no longer has it; and the end of the log.</summary>
    private (Offset Start, long End) Check(IConsumer<byte[]?, byte[]?> consumer, TopicPartition partition, long? position)
    {
        WatermarkOffsets log;
        try
        {
            log = consumer.QueryWatermarkOffsets(partition, Timeout);
        }
        catch (KafkaException failure)
        {
            Log.NotChecked(logger, partition.Partition.Value, failure.Error.Reason);
            return (position ?? Offset.Beginning, ReadingStart.UnknownEnd);
        }
        if (position is not { } known)
            return (log.Low, log.High.Value);
        if (known >= log.Low.Value && known <= log.High.Value)
            return (known, log.High.Value);
        // Records that are gone cannot be persisted any more, and those of a log that was made anew were never looked at.
        Log.NotInLog(logger, partition.Partition.Value, known, log.Low.Value, log.High.Value);
        Wait(async token =>
        {
            await LogPositions.ReplaceAsync(database, partition.Partition.Value, known, log.Low.Value, token);
            return true;
        });
        return (log.Low, log.High.Value);
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
