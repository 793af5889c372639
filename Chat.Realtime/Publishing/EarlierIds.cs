using System.Buffers.Binary;
using Chat.Contracts;
using Chat.Data;
using Chat.Data.History;
using Chat.Data.Numbering;

namespace Chat.Realtime.Publishing;

/// <summary>
/// The ids that a room got before the current epoch began, as far back as a send may be repeated. Redis may have lost those, Postgres has them, and once the
/// room's partition is open they never change: so Postgres is asked once for each room and epoch instead of once for each send. The few of a quiet room are read with those of
/// others that are asked about at the same time; those of a busy room page by page, one room after another, and until they are here its sends ask one by one.
/// </summary>
internal sealed partial class EarlierIds
{
    // Of one room, with the first read.
    private const int MaxOfQuiet = 128;
    // Few enough that a page takes Postgres some milliseconds.
    private const int DefaultPageSize = 5_000;
    // Of one room. What had more in its last day is asked about send by send.
    private const int DefaultMaxPerRoom = 200_000;
    // Of all rooms, about 40 MB. At the bound busy rooms go without; for a quiet one all are forgotten and read again as they are needed.
    private const int MaxIds = 4_000_000;
    private const int MaxRooms = 50_000;
    private static readonly TimeSpan Memory = TimeSpan.FromHours(24) + TimeSpan.FromMinutes(10); // the rest for clocks, and for events that were numbered late

    private readonly OpenPartitions _open;
    private readonly EpochStore _epochs;
    private readonly EventStore _stored;
    private readonly ILogger<EarlierIds> _logger;
    private readonly int _maxPerRoom;
    private readonly int _pageSize;
    private readonly SharedReads<string, RoomIds> _reads;
    private readonly Lock _gate = new();
    private readonly Queue<string> _busy = []; // rooms that are to be read page by page; at most MaxRooms
    private bool _isReadingBusy;
    private Dictionary<string, RoomIds> _rooms = [];
    private int _epoch;
    private int _count;

    public EarlierIds(OpenPartitions open, EpochStore epochs, EventStore stored, ILogger<EarlierIds> logger, int maxPerRoom = DefaultMaxPerRoom, int pageSize = DefaultPageSize)
    {
        (_open, _epochs, _stored, _logger, _maxPerRoom, _pageSize) = (open, epochs, stored, logger, maxPerRoom, pageSize);
        _reads = new(ReadNewestAsync);
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
            if (room is null || room.Epoch != epoch) return false;
            if (room.Keys is { } keys) return !ids.Any(id => Array.BinarySearch(keys, KeyOf(id)) >= 0);
            ReadBusy(roomId, room);
        }
        catch (ChatException)
        {
            // Postgres is away.
        }
        return false;
    }

    /// <summary>Completes when the busy rooms that were asked about until now are read; never fails.</summary>
    internal Task Reading { get; private set; } = Task.CompletedTask;

    private RoomIds? Find(int epoch, string roomId)
    {
        lock (_gate) return _epoch == epoch ? _rooms.GetValueOrDefault(roomId) : null;
    }

    private async Task<IReadOnlyDictionary<string, RoomIds>> ReadNewestAsync(IReadOnlyCollection<string> roomIds)
    {
        var epoch = await _epochs.GetAsync(CancellationToken.None);
        var open = roomIds.Where(roomId => _open.Has(LogTopics.PartitionOf(roomId), epoch.Number)).ToList();
        var since = epoch.StartedAt - Memory;
        var newest = await _stored.FindNewestIdsAsync(open, epoch.Number, MaxOfQuiet, CancellationToken.None);
        return open.ToDictionary(roomId => roomId, roomId =>
        {
            var events = newest.GetValueOrDefault(roomId) ?? [];
            var isWhole = events.Count < MaxOfQuiet || events[^1].Timestamp < since;
            return Keep(roomId, new RoomIds(epoch.Number, isWhole ? KeysOf(events.Where(e => e.Timestamp >= since).Select(e => e.EventId)) : null));
        });
    }

    private void ReadBusy(string roomId, RoomIds room)
    {
        lock (_gate)
        {
            if (room.IsAskedFor || _busy.Count >= MaxRooms) return;
            room.IsAskedFor = true;
            _busy.Enqueue(roomId);
            if (_isReadingBusy) return;
            _isReadingBusy = true;
            Reading = Task.Run(ReadBusyAsync);
        }
    }

    // Never throws.
    private async Task ReadBusyAsync()
    {
        while (NextBusy() is { } roomId)
        {
            try
            {
                if (await ReadAllAsync(roomId) is { } ids) Keep(roomId, ids);
                else Forget(roomId);
            }
            catch (Exception e)
            {
                Log.NotRead(_logger, roomId, e.Message);
                Forget(roomId); // who sends next has it read anew
            }
        }
    }

    private string? NextBusy()
    {
        lock (_gate)
        {
            _isReadingBusy = _busy.TryDequeue(out var roomId);
            return roomId;
        }
    }

    // Null when a new epoch has just closed the partition: events may still be on their way to Postgres.
    private async Task<RoomIds?> ReadAllAsync(string roomId)
    {
        var epoch = await _epochs.GetAsync(CancellationToken.None);
        if (!_open.Has(LogTopics.PartitionOf(roomId), epoch.Number)) return null;
        var since = epoch.StartedAt - Memory;
        var below = (epoch.Number * ProtocolLimits.NumbersPerEpoch) + 1;
        var ids = new List<Guid>();
        while (ids.Count <= _maxPerRoom)
        {
            var page = await _stored.FindIdsBelowAsync(roomId, below, _pageSize, CancellationToken.None);
            ids.AddRange(page.Where(e => e.Timestamp >= since).Select(e => e.EventId));
            if (page.Count < _pageSize || page[^1].Timestamp < since) return new RoomIds(epoch.Number, ids.Count <= _maxPerRoom ? KeysOf(ids) : null) { IsAskedFor = true };
            below = page[^1].Seq;
        }
        return new RoomIds(epoch.Number, null) { IsAskedFor = true };
    }

    // Returns what is kept of the room.
    private RoomIds Keep(string roomId, RoomIds ids)
    {
        lock (_gate)
        {
            if (ids.Epoch < _epoch) return ids;
            if (ids.Epoch > _epoch) (_rooms, _epoch, _count) = ([], ids.Epoch, 0);
            var kept = _rooms.GetValueOrDefault(roomId);
            // Several who asked at the same time have it read more than once; what was read page by page is more.
            if (kept is not null && !ids.IsAskedFor) return kept;
            // A busy room goes without: forgetting all for it would have the others read again and again.
            if (ids.IsAskedFor && _count + (ids.Keys?.Length ?? 0) > MaxIds) ids = new RoomIds(ids.Epoch, null) { IsAskedFor = true };
            else if (_count > MaxIds || _rooms.Count > MaxRooms) (_rooms, _count, kept) = ([], 0, null);
            _count += (ids.Keys?.Length ?? 0) - (kept?.Keys?.Length ?? 0);
            return _rooms[roomId] = ids;
        }
    }

    private void Forget(string roomId)
    {
        lock (_gate)
            if (_rooms.Remove(roomId, out var ids)) _count -= ids.Keys?.Length ?? 0;
    }

    private static long[] KeysOf(IEnumerable<Guid> ids)
    {
        long[] keys = [.. ids.Select(KeyOf)];
        Array.Sort(keys);
        return keys;
    }

    // Half of an id is enough: where two share it, Postgres is asked once in vain.
    private static long KeyOf(Guid id)
    {
        Span<byte> bytes = stackalloc byte[16];
        id.TryWriteBytes(bytes);
        return BinaryPrimitives.ReadInt64LittleEndian(bytes) ^ BinaryPrimitives.ReadInt64LittleEndian(bytes[8..]);
    }

    /// <summary>What was read of a room in an epoch: its ids' keys in ascending order; null when there are more than were read.</summary>
    private sealed class RoomIds(int epoch, long[]? keys)
    {
        public int Epoch => epoch;
        public long[]? Keys => keys;

        /// <summary>All of them are being read, or were too many.</summary>
        public bool IsAskedFor { get; set; }
    }

    private static partial class Log
    {
        [LoggerMessage(1085, LogLevel.Warning, "The earlier ids of room {RoomId} cannot be read now, its sends ask for theirs one by one: {Reason}")]
        public static partial void NotRead(ILogger logger, string roomId, string reason);
    }
}
