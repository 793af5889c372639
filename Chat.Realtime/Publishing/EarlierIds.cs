using Chat.Contracts;
using Chat.Data;
using Chat.Data.History;
using Chat.Data.Numbering;

namespace Chat.Realtime.Publishing;

/// <summary>
/// The ids that rooms got before the current epoch began, as far back as a send may be repeated. Redis may have lost those, Postgres has them, and once a
/// partition is open they never change: so Postgres is asked once for each epoch instead of once for each send. All are read at once, since they lie side by side and those of one room do not;
/// until they are here each send asks for its own. Where they are too many to be kept, those of a quiet room are read by themselves, and the sends to busy ones go on to ask.
/// </summary>
internal sealed partial class EarlierIds
{
    // 8 bytes each: half of an id is enough, since where two share it, Postgres is asked once in vain.
    private const int DefaultMaxIds = 4_000_000;
    private const int MaxOfQuiet = 128;
    // Quiet ones; at the bound all are forgotten and read again as they are needed.
    private const int MaxRooms = 50_000;
    private static readonly TimeSpan Memory = TimeSpan.FromHours(24) + TimeSpan.FromMinutes(10); // the rest for clocks, and for events that were numbered late
    private static readonly TimeSpan OpeningPatience = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan PauseAfterFailure = TimeSpan.FromSeconds(2);

    private readonly OpenPartitions _open;
    private readonly EpochStore _epochs;
    private readonly EventStore _stored;
    private readonly TimeProvider _time;
    private readonly ILogger<EarlierIds> _logger;
    private readonly int _maxIds;
    private readonly SharedQueries<string, RoomIds> _reads;
    private readonly Lock _gate = new();
    private bool _isReadingAll;
    private volatile AllIds? _all;
    private Dictionary<string, RoomIds> _rooms = [];
    private int _epoch;

    public EarlierIds(OpenPartitions open, EpochStore epochs, EventStore stored, TimeProvider time, ILogger<EarlierIds> logger, int maxIds = DefaultMaxIds)
    {
        (_open, _epochs, _stored, _time, _logger, _maxIds) = (open, epochs, stored, time, logger, maxIds);
        _reads = new(ReadNewestAsync);
    }

    /// <summary>True when none of the ids was given before the current epoch; false when one may have been, or when it cannot be told from here.</summary>
    public async ValueTask<bool> ExcludeAsync(string roomId, IReadOnlyList<Guid> ids, CancellationToken cancellationToken)
    {
        var epoch = _epochs.Known;
        // Of a partition that is not open, events may still be on their way to Postgres.
        if (!_open.Has(roomId)) return false;
        var partition = LogTopics.PartitionOf(roomId);
        if (_all is not { } all || !all.Covers(epoch, partition))
        {
            ReadAll(epoch, partition);
            return false;
        }
        if (all.Keys is not null) return HasNone(all.Keys, ids);
        try
        {
            var room = Find(epoch, roomId) ?? await _reads.FindAsync(roomId, cancellationToken);
            return room?.Epoch == epoch && room.Keys is not null && HasNone(room.Keys, ids);
        }
        catch (ChatException)
        {
            return false; // Postgres is away
        }
    }

    /// <summary>Reads those of all rooms now, and not only when the first send asks. Never fails.</summary>
    public Task ReadAsync()
    {
        lock (_gate)
        {
            if (!_isReadingAll) Begin();
            return Reading;
        }
    }

    /// <summary>Completes when the reading of all rooms' ids that was begun last is over; never fails.</summary>
    internal Task Reading { get; private set; } = Task.CompletedTask;

    private static bool HasNone(long[] keys, IReadOnlyList<Guid> ids) => !ids.Any(id => Array.BinarySearch(keys, EventStore.TailOf(id)) >= 0);

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

    private void ReadAll(int epoch, int partition)
    {
        lock (_gate)
        {
            if (!_isReadingAll && _all?.Covers(epoch, partition) != true) Begin();
        }
    }

    private void Begin()
    {
        _isReadingAll = true;
        Reading = Task.Run(ReadAllAsync);
    }

    // Never throws.
    private async Task ReadAllAsync()
    {
        try
        {
            await _open.WaitForAllAsync(OpeningPatience, CancellationToken.None); // one reading for all of them
            var epoch = await _epochs.GetAsync(CancellationToken.None);
            // Before the reading: what opens meanwhile may get events behind its back.
            var open = Enumerable.Range(0, LogTopics.Partitions).Where(partition => _open.Has(partition, epoch.Number)).ToHashSet();
            if (open.Count == 0) throw new NumberingUnavailableException("None of its partitions is open.");
            var started = _time.GetTimestamp();
            var keys = await _stored.FindTailsSinceAsync(epoch.StartedAt - Memory, epoch.Number, _maxIds + 1, CancellationToken.None);
            Array.Sort(keys);
            _all = new AllIds(epoch.Number, open, keys.Length <= _maxIds ? keys : null);
            if (keys.Length <= _maxIds) Log.Read(_logger, keys.Length, epoch.Number, _time.GetElapsedTime(started).TotalMilliseconds);
            else Log.TooMany(_logger, _maxIds);
        }
        catch (Exception e)
        {
            Log.NotRead(_logger, e.Message);
            await Task.Delay(PauseAfterFailure * (0.5 + Random.Shared.NextDouble()), _time);
        }
        lock (_gate) _isReadingAll = false; // after a failure, who sends next has them read anew
    }

    // Returns what is kept of the room.
    private RoomIds Keep(string roomId, RoomIds ids)
    {
        lock (_gate)
        {
            if (ids.Epoch < _epoch) return ids;
            if (ids.Epoch > _epoch || _rooms.Count >= MaxRooms) (_rooms, _epoch) = ([], ids.Epoch);
            return _rooms[roomId] = ids;
        }
    }

    private static long[] KeysOf(IEnumerable<Guid> ids)
    {
        long[] keys = [.. ids.Select(EventStore.TailOf)];
        Array.Sort(keys);
        return keys;
    }

    /// <summary>What was read of a room in an epoch: its ids' keys in ascending order; null when there are more than were read.</summary>
    private sealed record RoomIds(int Epoch, long[]? Keys);

    /// <summary>What was read of the partitions that were open in an epoch: the ids' keys in ascending order; null when there are more than are kept.</summary>
    private sealed record AllIds(int Epoch, HashSet<int> Partitions, long[]? Keys)
    {
        public bool Covers(int epoch, int partition) => Epoch == epoch && Partitions.Contains(partition);
    }

    private static partial class Log
    {
        [LoggerMessage(1085, LogLevel.Warning, "The ids of before the numbering began anew cannot be read now, each send asks for its own: {Reason}")]
        public static partial void NotRead(ILogger logger, string reason);

        [LoggerMessage(1086, LogLevel.Information, "{Count} ids of before epoch {Epoch} were read in {Milliseconds:0} ms")]
        public static partial void Read(ILogger logger, int count, int epoch, double milliseconds);

        [LoggerMessage(1087, LogLevel.Warning, "More than {MaxIds} events came in the day before the numbering began anew: until a day has passed, each send to a busy room without a UUIDv7 as client_id asks Postgres")]
        public static partial void TooMany(ILogger logger, int maxIds);
    }
}
