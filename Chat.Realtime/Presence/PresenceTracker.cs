using System.Collections.Concurrent;
using Chat.Contracts;
using Chat.Realtime.Connections;
using Chat.Realtime.Nodes;
using Chat.ServiceDefaults;
using Chat.ServiceDefaults.Leases;
using StackExchange.Redis;

namespace Chat.Realtime.Presence;

/// <summary>
/// Says who is online, as leases per process: a user is online while any live process has a connection of theirs.
/// Connections only mark their user; a tick writes what changed, once per user however many connections came and went. Nothing is forgotten
/// while Redis is away: what could not be written is written later. When the process' lease was taken away, everything is written
/// again under the new id.
/// </summary>
public sealed partial class PresenceTracker : LastToStop
{
    internal static readonly TimeSpan Tick = TimeSpan.FromMilliseconds(250);
    private static readonly TimeSpan AwayAfter = TimeSpan.FromMinutes(10);
    private static readonly TimeSpan AwayCheck = TimeSpan.FromSeconds(10);

    // Also without changes: the lease may have become another one, and users become away.
    private static readonly TimeSpan LongestTick = TimeSpan.FromSeconds(1);

    // A connection does not wait longer than this to be counted.
    private static readonly TimeSpan CountTimeout = TimeSpan.FromSeconds(3);

    // So many users are written at once: enough for a storm of reconnects, and no reply of Redis waits for more than some milliseconds.
    private const int BatchSize = 500;

    private readonly PresenceStore _store;
    private readonly PresenceAnnouncer _announcer;
    private readonly LeaseKeeper _lease;
    private readonly LiveNodes _nodes;
    private readonly TimeProvider _time;
    private readonly ILogger<PresenceTracker> _logger;
    private readonly ConcurrentDictionary<string, LocalUser> _users = new();
    private readonly Lock _gate = new();
    private readonly BusyTick _tick;
    private HashSet<string> _changed = [];
    private int _round; // what was written in an earlier one is written again
    private string? _process;
    private string? _formerProcess;
    private long _awayCheckedAt;
    private volatile bool _failing;

    internal PresenceTracker(
        PresenceStore store, PresenceAnnouncer announcer, LeaseKeeper lease, LiveNodes nodes, TimeProvider time, ILogger<PresenceTracker> logger)
    {
        _store = store;
        _announcer = announcer;
        _lease = lease;
        _nodes = nodes;
        _time = time;
        _logger = logger;
        _tick = new BusyTick(Tick, time);
    }

    /// <summary>A connection opened.</summary>
    public void Connected(Connection connection)
    {
        var userId = connection.User.UserId;
        lock (_gate)
        {
            var user = _users.GetOrAdd(userId, static _ => new LocalUser());
            user.Connections++;
            Volatile.Write(ref user.SeenAt, _time.GetUtcNow().UtcTicks);
            _changed.Add(userId);
        }
        _tick.Begin();
    }

    /// <summary>A connection closed.</summary>
    public void Disconnected(Connection connection)
    {
        var userId = connection.User.UserId;
        lock (_gate)
        {
            if (!_users.TryGetValue(userId, out var user) || user.Connections == 0) return;
            if (--user.Connections == 0) Volatile.Write(ref user.SeenAt, _time.GetUtcNow().UtcTicks);
            _changed.Add(userId);
        }
        _tick.Begin();
    }

    /// <summary>A command other than <c>ping</c> arrived: the user is not away. Cheap, called for each command.</summary>
    public void Touch(Connection connection)
    {
        if (!_users.TryGetValue(connection.User.UserId, out var user)) return;
        Volatile.Write(ref user.SeenAt, _time.GetUtcNow().UtcTicks);
        if (!Volatile.Read(ref user.Away)) return;
        lock (_gate) _changed.Add(connection.User.UserId);
        _tick.Begin();
    }

    /// <summary>
    /// How many connections the user has on other live processes, read in the step that tells them of those here: of two processes that
    /// ask at the same time, the second one sees both. Null when Redis does not answer in time.
    /// </summary>
    internal async Task<int?> CountElsewhereAsync(string userId)
    {
        if (!_lease.IsHeld || _failing) return null;
        Task<int?> counted;
        lock (_gate)
        {
            if (!_users.TryGetValue(userId, out var user)) return null;
            user.Counted ??= new TaskCompletionSource<int?>(TaskCreationOptions.RunContinuationsAsynchronously);
            counted = user.Counted.Task;
            _changed.Add(userId);
        }
        _tick.Now();
        try
        {
            return await counted.WaitAsync(CountTimeout, _time);
        }
        catch (TimeoutException)
        {
            return null;
        }
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
                await _tick.NextAsync(LongestTick, stoppingToken);
                await WriteAsync();
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // All connections are closed by now; FinishAsync writes the rest.
        }
    }

    /// <summary>Writes all users again: Redis may have lost some of them.</summary>
    internal void WriteAgain()
    {
        lock (_gate)
        {
            _round++;
            _changed.UnionWith(_users.Keys);
        }
        _tick.Begin();
    }

    /// <summary>The last leavings are written before the lease goes. What cannot be written is left to the reaper.</summary>
    protected override async Task FinishAsync()
    {
        lock (_gate)
        {
            foreach (var (userId, user) in _users)
            {
                if (user.Connections > 0) Volatile.Write(ref user.SeenAt, _time.GetUtcNow().UtcTicks);
                user.Connections = 0;
                _changed.Add(userId);
            }
        }
        await WriteAsync();
        await _announcer.FlushAsync();
    }

    /// <summary>Writes what changed since the last tick.</summary>
    internal async Task WriteAsync()
    {
        // Without a lease nobody would clean up behind what is written.
        if (_lease.LeaseId is not { } process || !_lease.IsHeld) return;
        if (process != _process) MoveTo(process);
        MarkAway();

        HashSet<string> changed;
        lock (_gate)
        {
            if (_changed.Count == 0) return;
            (changed, _changed) = (_changed, []);
        }
        foreach (var batch in changed.Chunk(BatchSize))
        {
            try
            {
                var users = batch.Where(_users.ContainsKey).ToArray();
                await _store.AddUsersAsync(process, users); // those who have left too: they are taken out afterwards
                await Task.WhenAll(users.Select(userId => WriteAsync(userId, process)));
                if (_failing) Log.Restored(_logger);
                _failing = false;
            }
            catch (Exception failure) when (failure is RedisException or TimeoutException)
            {
                if (!_failing) Log.Failing(_logger, failure.Message);
                _failing = true;
                lock (_gate) _changed.UnionWith(changed);
                _tick.Begin();
                return;
            }
        }
        if (_formerProcess is { } former) await ForgetAsync(former);
    }

    private async Task WriteAsync(string userId, string process)
    {
        if (!_users.TryGetValue(userId, out var user)) return;
        PresencePart? part;
        DateTimeOffset seen;
        TaskCompletionSource<int?>? counted;
        int round;
        lock (_gate)
        {
            round = _round;
            seen = new DateTimeOffset(Volatile.Read(ref user.SeenAt), TimeSpan.Zero);
            var status = _time.GetUtcNow() - seen >= AwayAfter ? PresenceStatus.Away : PresenceStatus.Online;
            part = user.Connections == 0 ? null : new PresencePart(process, status, user.Connections);
            (counted, user.Counted) = (user.Counted, null);
            Volatile.Write(ref user.Away, part is { Status: PresenceStatus.Away });
            if (part is { } current && current.Status == user.WrittenStatus && current.Connections == user.WrittenConnections && counted is null && user.WrittenIn == round) return;
        }
        int? elsewhere = null;
        try
        {
            // When the outcome of an earlier try is unknown, it may have been the one that made the change.
            var mayHaveChanged = user.Unknown;
            user.Unknown = true;
            var change = await _store.SetAsync(userId, process, part, _formerProcess, seen);
            user.Unknown = false;
            // A process that has just started counts from its first connection on.
            if (counted is not null) await _nodes.LearnAsync(change.Parts.Select(other => other.Process));
            elsewhere = change.Parts.Where(other => other.Process != process && _nodes.Contains(other.Process)).Sum(other => other.Connections);
            if (change.IsVisible || mayHaveChanged) _announcer.Announce(userId);
        }
        finally
        {
            counted?.TrySetResult(elsewhere);
        }
        lock (_gate)
        {
            (user.WrittenStatus, user.WrittenConnections, user.WrittenIn) = (part?.Status, part?.Connections ?? 0, round);
            if (part is null && user.Connections == 0) _users.TryRemove(userId, out _);
        }
    }

    // The lease is a new one: what stood under the old id is gone or will go with it.
    private void MoveTo(string process)
    {
        _formerProcess = _process;
        _process = process;
        WriteAgain();
    }

    private async Task ForgetAsync(string former)
    {
        try
        {
            await _store.ForgetProcessAsync(former);
            _formerProcess = null;
        }
        catch (Exception failure) when (failure is RedisException or TimeoutException)
        {
            Log.Failing(_logger, failure.Message);
        }
    }

    private void MarkAway()
    {
        if (_time.GetElapsedTime(_awayCheckedAt) < AwayCheck) return;
        _awayCheckedAt = _time.GetTimestamp();
        var awayBefore = (_time.GetUtcNow() - AwayAfter).UtcTicks;
        foreach (var (userId, user) in _users)
        {
            if (Volatile.Read(ref user.Away) || Volatile.Read(ref user.SeenAt) > awayBefore) continue;
            lock (_gate) _changed.Add(userId);
        }
    }

    /// <summary>A user with connections here. Guarded by the gate, except for the first two, which <see cref="Touch"/> uses, and for what only the tick uses: <c>Unknown</c>.</summary>
    private sealed class LocalUser
    {
        public long SeenAt; // when the user was last active or, without connections, when the last one left
        public bool Away;
        public int Connections;
        public bool Unknown;
        public string? WrittenStatus;
        public int WrittenConnections;
        public int WrittenIn;
        public TaskCompletionSource<int?>? Counted;
    }

    private static partial class Log
    {
        [LoggerMessage(1, LogLevel.Warning, "Presence cannot be written and waits: {Reason}")]
        public static partial void Failing(ILogger logger, string reason);

        [LoggerMessage(2, LogLevel.Information, "Presence is written again.")]
        public static partial void Restored(ILogger logger);
    }
}
