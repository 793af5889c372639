using Chat.Contracts;
using Chat.Data.History;
using Chat.Data.Numbering;
using Chat.Data.Writing;
using Npgsql;
using StackExchange.Redis;

namespace Chat.Persister;

/// <summary>
/// What happens in a closed partition before an event gets a number of the new epoch, and how the partition is opened. First Postgres gets what Redis still
/// has of the older epochs; from then on a number of an older epoch counts only if Postgres has it. So whatever state Redis came back with (empty, or
/// an older copy of its data), the events without a number are exactly those that Postgres does not have, and they are numbered in log order.
/// </summary>
internal sealed partial class CatchUp(
    RoomCopier copier, EventStore stored, DeadLetters dead, OpenPartitions open, NpgsqlDataSource database, IConnectionMultiplexer redis, ILogger<CatchUp> logger) : IAsyncDisposable
{
    // Apart from the writing stage's: both may write at the same time.
    private readonly EventWriter _events = new(database);

    /// <summary>
    /// Settles rooms of closed partitions: takes numbers that do not count out of <paramref name="known"/> and lets Redis forget them.
    /// Throws <see cref="EpochEndedException"/> when another epoch has begun, and what says that it cannot be done now.
    /// </summary>
    public async Task SettleAsync(
        RecordBatch batch, int epoch, IReadOnlyList<IReadOnlyList<LogRecord>> rooms, Dictionary<LogRecord, EventNumber> known, CancellationToken cancellationToken)
    {
        await CopyLeftAsync(batch, epoch, [.. rooms.Select(room => room[0].RoomId)], cancellationToken);
        var older = rooms.SelectMany(room => room).Where(record => known.TryGetValue(record, out var number) && number.Epoch < epoch).ToList();
        if (older.Count == 0)
            return;
        var persisted = await stored.FindAsync([.. older.SelectMany(record => record.Ids)], cancellationToken);
        var forgotten = new List<RedisKey>();
        foreach (var record in older)
        {
            if (record.Ids.FirstOrDefault(persisted.ContainsKey) is var id && persisted.TryGetValue(id, out var number))
            {
                known[record] = number;
                continue;
            }
            known.Remove(record);
            forgotten.AddRange(record.Ids.Select(other => (RedisKey)(RedisKeys.IdPrefix(record.RoomId) + other.ToString("N"))));
        }
        if (forgotten.Count == 0)
            return;
        Log.Outdated(logger, epoch, older.Count);
        // One by one: in a cluster they lie apart.
        await Task.WhenAll(forgotten.Select(key => redis.GetDatabase().KeyDeleteAsync(key)));
    }

    /// <summary>Opens those of the batch's partitions that have no record left without a number. Throws as <see cref="SettleAsync"/>.</summary>
    public async Task OpenAsync(RecordBatch batch, int epoch, CancellationToken cancellationToken)
    {
        var reached = batch.Ranges.Where(range => batch.Start.Closed.TryGetValue(range.Partition, out var end) && range.To >= end).ToList();
        if (reached.Count == 0)
            return;
        if (!await LogPositions.OpenAsync(database, epoch, reached, cancellationToken))
            throw new EpochEndedException(epoch);
        foreach (var range in reached)
            batch.Start.Closed.Remove(range.Partition);
        open.Learn(epoch, reached.Select(range => range.Partition));
        Log.Opened(logger, string.Join(", ", reached.Select(range => range.Partition)), epoch);
    }

    public ValueTask DisposeAsync() => _events.DisposeAsync();

    private async Task CopyLeftAsync(RecordBatch batch, int epoch, IReadOnlyList<string> roomIds, CancellationToken cancellationToken)
    {
        var writer = new PostgresWriter(_events, dead);
        // Without a stretch of the log: rooms move, the positions do not.
        var nothing = new NumberedBatch(new RecordBatch(batch.Start), epoch, []);
        while (await copier.CopyLeftAsync(roomIds, epoch, cancellationToken) is { Count: > 0 } copies)
        {
            // A room that the writing stage has moved meanwhile is copied from there on.
            if (await writer.WriteAsync(nothing, new RoomCopies(copies, IsWhole: true, HasHole: false), cancellationToken) == WriteOutcome.EpochChanged)
                throw new EpochEndedException(epoch);
        }
    }

    private static partial class Log
    {
        [LoggerMessage(4801, LogLevel.Information, "Partitions {Partitions} are open in epoch {Epoch}: everything in their log has its number")]
        public static partial void Opened(ILogger logger, string partitions, int epoch);

        [LoggerMessage(4802, LogLevel.Information, "Epoch {Epoch}: of {Count} numbers of older epochs some are not in Postgres, from an older copy of Redis' data; their events are numbered again")]
        public static partial void Outdated(ILogger logger, int epoch, int count);
    }
}
