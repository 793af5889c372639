using Chat.Contracts;
using Chat.Data.History;
using Chat.Data.Writing;
using Npgsql;

namespace Chat.Persister;

/// <summary>What a batch brings to Postgres.</summary>
/// <param name="IsWhole">False when there is more to copy before the batch counts as persisted.</param>
/// <param name="HasHole">True when a room cannot be copied any further now.</param>
internal sealed record RoomCopies(IReadOnlyList<RoomCopy> Rooms, bool IsWhole, bool HasHole);

/// <summary>
/// Copies rooms, not records: everything of a room that follows what Postgres has, in the order of its numbers, at least up to the records of the batch.
/// Two nodes may log in one order and number in the other, so writing records would leave holes in between.
/// </summary>
internal sealed partial class RoomCopier(NpgsqlDataSource database, HotStream hot, ILogger<RoomCopier> logger)
{
    private const int PageEvents = 500;
    // A bound for one room of one transaction; what a batch needs beyond it comes with the next one.
    private const int MaxEventsPerRoom = 5_000;
    private const int MaxRoomsAtOnce = 16;

    /// <summary>
    /// A hole may be filled at the next attempt (Redis has just lost data and the batch has to be numbered again).
    /// With <paramref name="acceptHoles"/> it is passed over and named in the log: an event that Redis, Postgres and the log have all lost.
    /// </summary>
    public async Task<RoomCopies> CopyAsync(NumberedBatch batch, bool acceptHoles, CancellationToken cancellationToken)
    {
        var rooms = batch.Records.Where(numbered => !numbered.IsPersisted).GroupBy(numbered => numbered.Record.RoomId).ToList();
        if (rooms.Count == 0)
            return new RoomCopies([], IsWhole: true, HasHole: false);
        IReadOnlyDictionary<string, PersistedHead> heads;
        await using (var connection = await database.OpenConnectionAsync(cancellationToken))
            heads = await PersistedHeads.ReadAsync(connection, [.. rooms.Select(room => room.Key)], cancellationToken);
        var copies = new List<RoomCopies>(rooms.Count);
        foreach (var chunk in rooms.Chunk(MaxRoomsAtOnce))
            copies.AddRange(await Task.WhenAll(chunk.Select(room => CopyRoomAsync(room.Key, [.. room], heads[room.Key], acceptHoles, cancellationToken))));
        return new RoomCopies([.. copies.SelectMany(copy => copy.Rooms)], copies.TrueForAll(copy => copy.IsWhole), copies.Exists(copy => copy.HasHole));
    }

    /// <summary>The next page of what Redis still has of rooms from before <paramref name="epoch"/> and Postgres does not; empty when there is nothing left.</summary>
    public async Task<IReadOnlyList<RoomCopy>> CopyLeftAsync(IReadOnlyList<string> roomIds, int epoch, CancellationToken cancellationToken)
    {
        IReadOnlyDictionary<string, PersistedHead> heads;
        await using (var connection = await database.OpenConnectionAsync(cancellationToken))
            heads = await PersistedHeads.ReadAsync(connection, roomIds, cancellationToken);
        var copies = new List<RoomCopy>();
        foreach (var chunk in roomIds.Chunk(MaxRoomsAtOnce))
            copies.AddRange(await Task.WhenAll(chunk.Select(roomId => CopyLeftAsync(roomId, heads[roomId], epoch, cancellationToken))));
        return [.. copies.Where(copy => copy.Rows.Count > 0)];
    }

    private async Task<RoomCopy> CopyLeftAsync(string roomId, PersistedHead after, int epoch, CancellationToken cancellationToken)
    {
        var left = await hot.ReadAfterAsync(roomId, after.Seq, PageEvents, cancellationToken);
        var rows = new List<EventRow>();
        var last = after;
        // Behind a hole nothing counts: the log has these events too, and they get numbers of the new epoch.
        foreach (var e in left.TakeWhile(e => e.Event.Epoch < epoch && Follows(last, e.Event)))
        {
            rows.Add(EventRow.Create(roomId, e));
            last = new PersistedHead(e.Event.Seq, e.Event.Epoch);
        }
        return new RoomCopy(roomId, after, rows);
    }

    private async Task<RoomCopies> CopyRoomAsync(
        string roomId, IReadOnlyList<NumberedRecord> records, PersistedHead after, bool acceptHoles, CancellationToken cancellationToken)
    {
        var target = records.Max(numbered => numbered.Seq);
        if (TakeDelivered(roomId, records, after, target) is { } delivered)
            return new RoomCopies([new RoomCopy(roomId, after, delivered)], IsWhole: true, HasHole: false);
        var events = new SortedDictionary<long, HotEvent>();
        // What the log itself has fills in where the hot stream was trimmed or lost. Another try of a send than the delivered one is better than nothing, and no more.
        foreach (var numbered in records.Where(numbered => numbered.Seq > after.Seq && (acceptHoles ? numbered.IsSameSend : numbered.WasDelivered)).OrderBy(numbered => numbered.WasDelivered))
            events[numbered.Seq] = new HotEvent(numbered.Event, numbered.Number.EventId, numbered.Record.Event.TimestampMs);
        // The stream has the delivered bytes: they win.
        var hotEvents = await ReadHotAsync(roomId, after.Seq, target, cancellationToken);
        foreach (var e in hotEvents)
            events[e.Event.Seq] = e;

        var rows = new List<EventRow>();
        var last = after;
        foreach (var e in events.Values)
        {
            if (!Follows(last, e.Event))
            {
                if (!acceptHoles)
                    break;
                Log.Hole(logger, roomId, last.Seq, e.Event.Seq);
            }
            rows.Add(EventRow.Create(roomId, e));
            last = new PersistedHead(e.Event.Seq, e.Event.Epoch);
        }
        var copy = new RoomCopy(roomId, after, rows);
        if (last.Seq >= target || acceptHoles)
            return new RoomCopies([copy], IsWhole: true, HasHole: false);
        if (hotEvents.Count >= MaxEventsPerRoom && rows.Count > 0)
            return new RoomCopies([copy], IsWhole: false, HasHole: false);
        Log.NotComplete(logger, roomId, last.Seq, target);
        return new RoomCopies([], IsWhole: false, HasHole: true);
    }

    /// <summary>
    /// The records themselves, where they follow what Postgres has without a hole up to the target and certainly are what was delivered: then the stream has
    /// nothing to add. Null when it has to be asked.
    /// </summary>
    private static List<EventRow>? TakeDelivered(string roomId, IReadOnlyList<NumberedRecord> records, PersistedHead after, long target)
    {
        var rows = new List<EventRow>(records.Count);
        var last = after;
        foreach (var numbered in records.Where(numbered => numbered.HasDeliveredBytes && numbered.Seq > after.Seq).OrderBy(numbered => numbered.Seq))
        {
            if (numbered.Seq == last.Seq)
                continue; // the same record twice
            if (!Follows(last, numbered.Event))
                return null;
            rows.Add(EventRow.Create(roomId, new HotEvent(numbered.Event, numbered.Number.EventId, numbered.Record.Event.TimestampMs)));
            last = new PersistedHead(numbered.Seq, numbered.Number.Epoch);
        }
        return last.Seq >= target ? rows : null;
    }

    private async Task<List<HotEvent>> ReadHotAsync(string roomId, long afterSeq, long target, CancellationToken cancellationToken)
    {
        var events = new List<HotEvent>();
        while (events.Count < MaxEventsPerRoom)
        {
            var page = await hot.ReadAfterAsync(roomId, afterSeq, PageEvents, cancellationToken);
            events.AddRange(page);
            if (page.Count < PageEvents)
                break;
            afterSeq = page[^1].Event.Seq;
            if (afterSeq >= target)
                break;
        }
        return events;
    }

    /// <summary>The next number of the same epoch, or the first one of a later epoch.</summary>
    private static bool Follows(PersistedHead last, NumberedEvent next) =>
        (next.Seq == last.Seq + 1 && (next.Epoch == last.Epoch || last.Seq == 0))
        || (next.Seq == next.Epoch * ProtocolLimits.NumbersPerEpoch + 1 && (next.Epoch > last.Epoch || last.Seq == 0));

    private static partial class Log
    {
        [LoggerMessage(4101, LogLevel.Error, "Events of room {RoomId} between {Last} and {Next} are neither in Redis nor in the log: they are lost to history")]
        public static partial void Hole(ILogger logger, string roomId, long last, long next);

        [LoggerMessage(4102, LogLevel.Information, "Room {RoomId} can be copied up to {Last} only, not up to {Target}: its records are looked at again")]
        public static partial void NotComplete(ILogger logger, string roomId, long last, long target);
    }
}
