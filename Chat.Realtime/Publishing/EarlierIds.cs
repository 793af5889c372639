using Chat.Contracts;
using Chat.Data;
using Chat.Data.History;
using Chat.Data.Numbering;

namespace Chat.Realtime.Publishing;

/// <summary>
/// The ids that a room got before the current epoch began, as far back as a send may be repeated. Redis may have lost those, Postgres has them, and once the
/// room's partition is open they never change: so Postgres is asked once for each room and epoch instead of once for each send.
/// </summary>
internal sealed class EarlierIds
{
    // Of one room. What had more in its last day is asked about send by send.
    private const int MaxPerRoom = 128;
    // Of all rooms, about 40 MB. At the bound all are forgotten and read again as they are needed.
    private const int MaxIds = 1_000_000;
    private const int MaxRooms = 50_000;
    private static readonly TimeSpan Memory = TimeSpan.FromHours(24) + TimeSpan.FromMinutes(10); // the rest for clocks, and for events that were numbered late

    private readonly OpenPartitions _open;
    private readonly EpochStore _epochs;
    private readonly EventStore _stored;
    private readonly SharedReads<string, RoomIds> _reads;
    private readonly Lock _gate = new();
    private Dictionary<string, RoomIds> _rooms = [];
    private int _epoch;
    private int _count;

    public EarlierIds(OpenPartitions open, EpochStore epochs, EventStore stored)
    {
        (_open, _epochs, _stored) = (open, epochs, stored);
        _reads = new(ReadAsync);
    }

    /// <summary>True when none of the ids was given before the current epoch; false when one may have been, or when it cannot be told from here.</summary>
    public async ValueTask<bool> ExcludeAsync(string roomId, IReadOnlyList<Guid> ids, CancellationToken cancellationToken)
    {
        var epoch = _epochs.Known;
        // Of a partition that is not open, events may still be on their way to Postgres.
        if (!_open.Has(roomId)) return false;
        try
        {
            var room = Find(epoch, roomId) ?? await _reads.FindAsync(roomId, cancellationToken);
            return room is { Epoch: var readIn, Ids: { } earlier } && readIn == epoch && !ids.Any(earlier.Contains);
        }
        catch (ChatException)
        {
            return false; // Postgres is away
        }
    }

    private RoomIds? Find(int epoch, string roomId)
    {
        lock (_gate) return _epoch == epoch ? _rooms.GetValueOrDefault(roomId) : null;
    }

    private async Task<IReadOnlyDictionary<string, RoomIds>> ReadAsync(IReadOnlyCollection<string> roomIds)
    {
        var epoch = await _epochs.GetAsync(CancellationToken.None);
        var open = roomIds.Where(roomId => _open.Has(LogTopics.PartitionOf(roomId), epoch.Number)).ToList();
        var since = epoch.StartedAt - Memory;
        var newest = await _stored.FindNewestIdsAsync(open, epoch.Number, MaxPerRoom, CancellationToken.None);
        var read = open.ToDictionary(roomId => roomId, roomId =>
        {
            var events = newest.GetValueOrDefault(roomId) ?? [];
            var isWhole = events.Count < MaxPerRoom || events[^1].Timestamp < since;
            return new RoomIds(epoch.Number, isWhole ? [.. events.Where(e => e.Timestamp >= since).Select(e => e.EventId)] : null);
        });
        Keep(epoch.Number, read);
        return read;
    }

    private void Keep(int epoch, Dictionary<string, RoomIds> read)
    {
        lock (_gate)
        {
            if (epoch < _epoch) return;
            if (epoch > _epoch || _count > MaxIds || _rooms.Count > MaxRooms) (_rooms, _epoch, _count) = ([], epoch, 0);
            foreach (var (roomId, ids) in read)
                if (_rooms.TryAdd(roomId, ids)) _count += ids.Ids?.Count ?? 0;
        }
    }

    /// <summary>What was read of a room in an epoch; null ids when there were too many.</summary>
    private sealed record RoomIds(int Epoch, HashSet<Guid>? Ids);
}
