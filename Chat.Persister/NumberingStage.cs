using Chat.Contracts;
using Chat.Data.History;
using Chat.Data.Numbering;

namespace Chat.Persister;

/// <summary>
/// Makes sure that every record has a number. Nodes number what they log, so nearly all records are known; what a node left behind when it died,
/// or what Redis forgot, is numbered here, in log order, by the same script. An event that ever had a number in Postgres never gets a second one.
/// </summary>
internal sealed class NumberingStage(
    RoomNumbering numbering, NumberLookup lookup, EventStore stored, EpochStore epochs, OpenPartitions open, CatchUp catchUp, DirectFanout direct, DeadLetters dead, TimeProvider time)
{
    private const int MaxRoomsAtOnce = 16;
    // One call of the script holds up all others, so it stays about as small as those of the nodes.
    private const int MaxEventsPerCall = 64;
    private const int MaxBytesPerCall = 256 * 1024;

    // Ids live at least an hour from the event's timestamp on. Twice this margin lets clocks differ.
    private static readonly TimeSpan KnownFor = TimeSpan.FromMinutes(30);
    private static readonly TimeSpan ClockMargin = TimeSpan.FromHours(2);
    // Older direct messages are no news: whoever was away finds them by the heads.
    private static readonly TimeSpan NewsFor = TimeSpan.FromMinutes(10);

    /// <summary>
    /// Null when another epoch has begun, or when nobody could tell how far a closed partition reaches: then what was read is to be read again, in log order.
    /// Throws <see cref="NumberingUnavailableException"/>, <see cref="ChatException"/>, <see cref="StackExchange.Redis.RedisException"/> or
    /// <see cref="Confluent.Kafka.KafkaException"/> when it cannot be done now; doing it again changes nothing that was done.
    /// </summary>
    public async Task<NumberedBatch?> NumberAsync(RecordBatch batch, CancellationToken cancellationToken)
    {
        while (batch.Dead.Count > 0)
        {
            await dead.SendAsync(batch.Dead[^1], cancellationToken);
            batch.Dead.RemoveAt(batch.Dead.Count - 1);
        }
        // Before the first question: whatever is found out holds for this epoch, and in any other one the script and Postgres refuse.
        var epoch = await epochs.GetAsync(cancellationToken);
        if (batch.Start.IsUncertain && epoch.Number > 0)
        {
            // While Postgres is away this throws.
            await open.AskAsync().WaitAsync(cancellationToken);
            return null;
        }
        // Also when the start knew no epoch: whoever looks for the end of one has to know in which one the log is read.
        if (batch.Start.Epoch != epoch.Number)
            return null;
        try
        {
            return await NumberAsync(batch, epoch, cancellationToken);
        }
        catch (EpochEndedException)
        {
            await epochs.EnsureInForceAsync(cancellationToken);
            return null;
        }
    }

    private async Task<NumberedBatch> NumberAsync(RecordBatch batch, NumberingEpoch epoch, CancellationToken cancellationToken)
    {
        var rooms = batch.Records.GroupBy(record => record.RoomId).Select(room => room.ToList()).ToList();
        var found = await lookup.FindAsync(rooms, epoch.Number, cancellationToken);
        var known = found.Numbers;
        var closed = epoch.Number == 0 ? [] : rooms.Where(room => batch.Start.Closed.ContainsKey(LogTopics.PartitionOf(room[0].RoomId))).ToList();
        if (closed.Count > 0)
            await catchUp.SettleAsync(batch, epoch.Number, closed, known, cancellationToken);
        var unknown = batch.Records.Where(record => !known.ContainsKey(record)).ToList();
        var persisted = await FindPersistedAsync(unknown, epoch, mustAsk: closed.Count > 0, cancellationToken);
        var numbered = new List<NumberedRecord>(batch.Records.Count);
        foreach (var chunk in rooms.Chunk(MaxRoomsAtOnce))
        {
            foreach (var room in await Task.WhenAll(chunk.Select(room => NumberRoomAsync(epoch.Number, room, found, persisted, cancellationToken))))
            {
                lookup.Seen(room[0].Record.RoomId, room.Max(record => record.Seq));
                numbered.AddRange(room);
            }
        }
        // Whatever the batch has: what ends a partition's log may be no event at all.
        await catchUp.OpenAsync(batch, epoch.Number, cancellationToken);
        return new NumberedBatch(batch, epoch.Number, numbered);
    }

    private async Task<IReadOnlyDictionary<Guid, EventNumber>> FindPersistedAsync(
        List<LogRecord> unknown, NumberingEpoch epoch, bool mustAsk, CancellationToken cancellationToken)
    {
        if (unknown.Count == 0)
            return new Dictionary<Guid, EventNumber>();
        try
        {
            return await stored.FindAsync([.. unknown.SelectMany(record => record.Ids)], cancellationToken);
        }
        catch (ChatException) when (!mustAsk && unknown.TrueForAll(record => RedisWouldKnow(record, epoch)))
        {
            // Postgres is away, and these cannot be among what it has: numbering goes on.
            return new Dictionary<Guid, EventNumber>();
        }
    }

    private bool RedisWouldKnow(LogRecord record, NumberingEpoch epoch)
    {
        var logged = DateTimeOffset.FromUnixTimeMilliseconds(record.Event.TimestampMs);
        return time.GetUtcNow() - logged < KnownFor && (epoch.Number == 0 || epoch.StartedAt + ClockMargin < logged);
    }

    private async Task<IReadOnlyList<NumberedRecord>> NumberRoomAsync(
        int epoch, List<LogRecord> room, FoundNumbers known, IReadOnlyDictionary<Guid, EventNumber> persisted, CancellationToken cancellationToken)
    {
        var result = new NumberedRecord[room.Count];
        var missing = new List<int>();
        for (var i = 0; i < room.Count; i++)
        {
            var record = room[i];
            if (known.Numbers.TryGetValue(record, out var number))
                result[i] = new NumberedRecord(record, number, IsPersisted: false, known.Delivered.Contains(record));
            else if (record.Ids.Where(persisted.ContainsKey).Select(id => persisted[id]).FirstOrDefault() is { Seq: > 0 } stored)
                result[i] = new NumberedRecord(record, stored, IsPersisted: true);
            else
                missing.Add(i);
        }
        while (missing.Count > 0)
        {
            var call = TakeCall(room, missing);
            var numbers = await numbering.NumberInAsync(epoch, room[0].RoomId, room[call[0]].CreatedEpoch, [.. call.Select(i => room[i].Event)], cancellationToken);
            foreach (var (i, number) in call.Zip(numbers))
                result[i] = new NumberedRecord(room[i], number, IsPersisted: false, HasDeliveredBytes: !number.Known);
            missing.RemoveRange(0, call.Count);
        }
        await RepeatDirectAsync(result);
        return result;
    }

    private static List<int> TakeCall(List<LogRecord> room, List<int> missing)
    {
        var bytes = 0;
        return [.. missing.Take(MaxEventsPerCall).TakeWhile(i => (bytes += room[i].Event.Body.Length) <= MaxBytesPerCall || i == missing[0])];
    }

    /// <summary>A node that died after numbering has not told the two users; receivers drop what they have.</summary>
    private async Task RepeatDirectAsync(NumberedRecord[] room)
    {
        if (room[0].Record.Participants is not [_, _] participants)
            return;
        var oldest = (time.GetUtcNow() - NewsFor).ToUnixTimeMilliseconds();
        var frames = room
            .Where(numbered => numbered.WasDelivered)
            .OrderBy(numbered => numbered.Seq)
            .Select(numbered => (numbered.Record.Event.TimestampMs, Frame: new RoomFrame(numbered.Event, 0)))
            .ToList();
        if (frames.Count == 0)
            return;
        var news = frames.Where(frame => frame.TimestampMs >= oldest).Select(frame => frame.Frame).ToList();
        await direct.TellAsync(room[0].Record.RoomId, participants, news.Count > 0 ? news : [frames[^1].Frame], publish: news.Count > 0);
    }
}
