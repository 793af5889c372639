using Chat.Contracts;
using Chat.Data.History;
using Chat.Data.Numbering;

namespace Chat.Persister;

/// <summary>The numbers that records have already, as far as Redis knows them.</summary>
internal sealed class FoundNumbers
{
    public Dictionary<LogRecord, EventNumber> Numbers { get; } = new(ReferenceEqualityComparer.Instance);

    /// <summary>The records that were compared with the hot stream and are byte for byte what was delivered.</summary>
    public HashSet<LogRecord> Delivered { get; } = new(ReferenceEqualityComparer.Instance);
}

/// <summary>
/// Asks Redis which records have a number. What a node has logged it has nearly always numbered a moment later, behind what this process has seen of the room
/// last: that stretch of the hot stream tells the number and the delivered bytes at once, so that nobody has to read them again to copy the room. Whatever
/// is not there (another try of a send, what was read before, numbers of older epochs, rooms not seen before) is looked up by its ids.
/// </summary>
internal sealed class NumberLookup(RoomNumbering numbering, HotStream hot)
{
    // One call keeps Redis for about a third of a millisecond.
    private const int PageEvents = 500;
    // Events between those of a batch whose own records come with the next one: two nodes number in another order than they log.
    private const int Others = 32;
    // About 100 bytes each. A room that was forgotten costs one look-up by ids more.
    private const int MaxRooms = 50_000;

    private static readonly Dictionary<Guid, HotEvent> Nothing = [];

    private readonly Dictionary<string, long> _seen = [];

    /// <summary>
    /// Numbers of each room's records in <paramref name="epoch"/>, or older ones that Redis still knows. Not for concurrent use. Throws
    /// <see cref="NumberingUnavailableException"/>, <see cref="StackExchange.Redis.RedisException"/> or <see cref="TimeoutException"/>.
    /// </summary>
    public async Task<FoundNumbers> FindAsync(IReadOnlyList<IReadOnlyList<LogRecord>> rooms, int epoch, CancellationToken cancellationToken)
    {
        var found = new FoundNumbers();
        var stretches = await Task.WhenAll(rooms.Select(room => ReadStretchAsync(room, epoch, cancellationToken)));
        var rest = new List<List<LogRecord>>();
        foreach (var (room, stretch) in rooms.Zip(stretches))
        {
            var missing = new List<LogRecord>();
            foreach (var record in room)
            {
                if (!stretch.TryGetValue(record.Event.EventId, out var hotEvent))
                {
                    missing.Add(record);
                    continue;
                }
                found.Numbers[record] = new EventNumber(hotEvent.EventId, hotEvent.Event.Seq, epoch, hotEvent.TimestampMs, Known: true);
                if (hotEvent.TimestampMs == record.Event.TimestampMs && hotEvent.Event.Body.Span.SequenceEqual(record.Event.Body.Span))
                    found.Delivered.Add(record);
            }
            if (missing.Count > 0)
                rest.Add(missing);
        }
        await LookUpAsync(rest, found.Numbers, cancellationToken);
        return found;
    }

    /// <summary>Where the room's next events will be: behind those that were numbered last.</summary>
    public void Seen(string roomId, long seq)
    {
        if (_seen.Count >= MaxRooms && !_seen.ContainsKey(roomId))
            _seen.Clear();
        _seen[roomId] = seq;
    }

    /// <summary>What the stream has behind the number seen last, by event id: until all records are found, and not much further.</summary>
    private async Task<Dictionary<Guid, HotEvent>> ReadStretchAsync(IReadOnlyList<LogRecord> room, int epoch, CancellationToken cancellationToken)
    {
        if (!_seen.TryGetValue(room[0].RoomId, out var seq))
            return Nothing;
        var wanted = room.Select(record => record.Event.EventId).ToHashSet();
        var found = new Dictionary<Guid, HotEvent>(wanted.Count);
        for (var left = room.Count + Others; left > 0; left -= PageEvents)
        {
            var limit = Math.Min(left, PageEvents);
            var page = await hot.ReadAfterAsync(room[0].RoomId, seq, limit, cancellationToken);
            foreach (var hotEvent in page)
            {
                // A number of an older epoch counts only as long as its id does, which may be forgotten while the stream still has it.
                if (hotEvent.Event.Epoch == epoch && wanted.Remove(hotEvent.EventId))
                    found.Add(hotEvent.EventId, hotEvent);
            }
            if (wanted.Count == 0 || page.Count < limit)
                break;
            seq = page[^1].Event.Seq;
        }
        return found;
    }

    private async Task LookUpAsync(List<List<LogRecord>> rooms, Dictionary<LogRecord, EventNumber> known, CancellationToken cancellationToken)
    {
        var answers = await Task.WhenAll(rooms.Select(room =>
            numbering.LookUpAsync(room[0].RoomId, [.. room.SelectMany(record => record.Ids)], cancellationToken)));
        foreach (var (room, answer) in rooms.Zip(answers))
        {
            var at = 0;
            foreach (var record in room)
            {
                foreach (var _ in record.Ids)
                {
                    // Of several, the one that counts longest.
                    if (answer[at++] is { } number && !(known.TryGetValue(record, out var other) && other.Epoch >= number.Epoch))
                        known[record] = number;
                }
            }
        }
    }
}
