using System.Text.Json;
using Chat.Contracts;
using Chat.Realtime.Fanout;
using Chat.ServiceDefaults;
using Npgsql;
using StackExchange.Redis;

namespace Chat.Realtime.Presence;

/// <summary>
/// Tells the rooms of up to <see cref="ProtocolLimits.MaxPresenceEventMembers"/> members when somebody comes, goes or is away. It remembers
/// only *who* changed and reads the state just before it speaks: so a late word of one node cannot contradict a newer one of another for
/// longer than a publish takes, and a user who flaps is announced at most twice a second, with the last state. Whoever comes or goes is seen to within a second:
/// a tick of the tracker, then the quiet after an earlier announcement, up to the next tick.
/// </summary>
public sealed partial class PresenceAnnouncer : LastToStop
{
    internal static readonly TimeSpan Tick = TimeSpan.FromMilliseconds(250);
    internal static readonly TimeSpan Quiet = TimeSpan.FromMilliseconds(400);

    // Presence may be lost: over this bound (Postgres was away while everybody reconnected) the change is not announced, only to be asked for.
    private const int MaxPending = 50_000;
    // What comes in a tick of a storm: the query costs Postgres nearly the same for 1,000 users as for 100.
    private const int UsersPerQuery = 1_000;
    private const int PublishesAtOnce = 500;

    private readonly PresenceStore _store;
    private readonly LiveChannels _channels;
    private readonly NpgsqlDataSource _database;
    private readonly TimeProvider _time;
    private readonly ILogger<PresenceAnnouncer> _logger;
    private readonly BusyTick _tick;
    private readonly Lock _gate = new();
    private readonly HashSet<string> _pending = [];
    private readonly Dictionary<string, long> _announcedAt = [];
    private bool _failing;
    private bool _full;

    internal PresenceAnnouncer(
        PresenceStore store, LiveChannels channels, NpgsqlDataSource database, TimeProvider time, ILogger<PresenceAnnouncer> logger)
    {
        _store = store;
        _channels = channels;
        _database = database;
        _time = time;
        _logger = logger;
        _tick = new BusyTick(Tick, time);
    }

    /// <summary>The state of a user changed.</summary>
    public void Announce(string userId)
    {
        lock (_gate)
        {
            if (_pending.Count < MaxPending)
            {
                _pending.Add(userId);
                _tick.Begin();
                return;
            }
            if (_full) return;
            _full = true;
        }
        Log.Full(_logger, MaxPending);
    }

    /// <summary>Announces all that waits, without regard to the quiet between two announcements.</summary>
    public Task FlushAsync()
    {
        lock (_gate) _announcedAt.Clear();
        return AnnounceDueAsync(CancellationToken.None);
    }

    public override void Dispose()
    {
        _tick.Dispose();
        base.Dispose();
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        try
        {
            while (true)
            {
                await _tick.NextAsync(Timeout.InfiniteTimeSpan, stoppingToken);
                await AnnounceDueAsync(stoppingToken);
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // The tracker flushes what its last connections leave.
        }
    }

    /// <summary>Announces what waits, but for those who were announced just now.</summary>
    internal async Task AnnounceDueAsync(CancellationToken cancellationToken)
    {
        foreach (var users in TakeDue().Chunk(UsersPerQuery))
        {
            try
            {
                await AnnounceAsync(users, cancellationToken);
                if (_failing) Log.Restored(_logger);
                _failing = false;
            }
            catch (Exception failure) when (failure is NpgsqlException or RedisException or TimeoutException)
            {
                if (!_failing) Log.Failing(_logger, failure.Message);
                _failing = true;
                foreach (var user in users) Announce(user);
            }
        }
    }

    private List<string> TakeDue()
    {
        lock (_gate)
        {
            foreach (var (user, at) in _announcedAt)
            {
                if (_time.GetElapsedTime(at) >= Quiet) _announcedAt.Remove(user);
            }
            var due = _pending.Where(user => !_announcedAt.ContainsKey(user)).ToList();
            var now = _time.GetTimestamp();
            foreach (var user in due)
            {
                _pending.Remove(user);
                _announcedAt[user] = now;
            }
            if (_pending.Count + _announcedAt.Count > 0) _tick.Begin(); // those who were announced are quiet for a while, and forgotten after it
            _full = false;
            return due;
        }
    }

    private async Task AnnounceAsync(string[] users, CancellationToken cancellationToken)
    {
        var told = await RoomsOfAsync(users, cancellationToken);
        var states = await _store.GetNowAsync(told.ConvertAll(user => user.UserId));
        var now = _time.GetUtcNow();
        var publishes = new List<Task>();
        for (var i = 0; i < told.Count; i++)
        {
            // Also what a dead process left counts until it is reaped: that is when its users' going is announced.
            var status = states[i].StatusBy(static _ => true);
            foreach (var room in told[i].Rooms)
            {
                publishes.Add(_channels.PublishToRoomAsync(room, Envelope(told[i], room, status, states[i].LastSeen, now)));
                if (publishes.Count < PublishesAtOnce) continue;
                await Task.WhenAll(publishes);
                publishes.Clear();
            }
        }
        await Task.WhenAll(publishes);
    }

    private async Task<List<Subject>> RoomsOfAsync(string[] users, CancellationToken cancellationToken)
    {
        await using var command = _database.CreateCommand("""
            SELECT m.user_id, coalesce(u.display_name, u.user_name), array_agg(m.room_id)
            FROM members m JOIN rooms r ON r.room_id = m.room_id JOIN users u ON u.user_id = m.user_id
            WHERE m.user_id = ANY ($1) AND r.deleted_at IS NULL AND r.member_count <= $2
            GROUP BY 1, 2
            """);
        command.Parameters.Add(new NpgsqlParameter<string[]> { TypedValue = users });
        command.Parameters.Add(new NpgsqlParameter<int> { TypedValue = ProtocolLimits.MaxPresenceEventMembers });
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var subjects = new List<Subject>(users.Length);
        while (await reader.ReadAsync(cancellationToken))
            subjects.Add(new Subject(reader.GetString(0), reader.GetString(1), reader.GetFieldValue<string[]>(2)));
        return subjects;
    }

    private static byte[] Envelope(Subject subject, string roomId, string status, DateTimeOffset? lastSeen, DateTimeOffset now) =>
        JsonSerializer.SerializeToUtf8Bytes(new ChatEvent
        {
            EventType = EventTypes.Presence,
            EventId = Contracts.EventId.New(now).ToString(),
            RoomId = roomId,
            SenderId = subject.UserId,
            SenderName = subject.Name,
            Status = status,
            LastSeen = status == PresenceStatus.Online ? now : lastSeen,
            Timestamp = now,
        }, ChatJson.Wire.ChatEvent);

    private sealed record Subject(string UserId, string Name, string[] Rooms);

    private static partial class Log
    {
        [LoggerMessage(1, LogLevel.Warning, "Presence cannot be announced and waits: {Reason}")]
        public static partial void Failing(ILogger logger, string reason);

        [LoggerMessage(2, LogLevel.Information, "Presence is announced again.")]
        public static partial void Restored(ILogger logger);

        [LoggerMessage(3, LogLevel.Warning, "More than {MaxPending} changes of presence wait; further ones are not announced.")]
        public static partial void Full(ILogger logger, int maxPending);
    }
}
