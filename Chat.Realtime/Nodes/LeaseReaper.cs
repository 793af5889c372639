using Chat.Contracts;
using Chat.Realtime.Presence;
using Chat.ServiceDefaults;
using Chat.ServiceDefaults.Leases;
using StackExchange.Redis;

namespace Chat.Realtime.Nodes;

/// <summary>
/// Looks at the leases every second: which processes live, and which died without taking leave. One claimant removes a dead process' users
/// from presence; offline is said only of those without a connection to another process. Its users are offline within
/// about 7 s of a kill: 5 s until the lease is dead, at most a second until somebody looks, then a batch of 500 at a time.
/// </summary>
internal sealed partial class LeaseReaper(
    LeaseStore leases, LeaseKeeper own, DeadNodes dead, LiveNodes live, PresenceStore presence, PresenceAnnouncer announcer, TimeProvider time,
    ILogger<LeaseReaper> logger) : LastToStop
{
    private const int BatchSize = 500;
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);
    private const double Jitter = 0.2;

    /// <summary>Until a lease that has run out is seen.</summary>
    internal static readonly TimeSpan LongestInterval = Interval * (1 + Jitter);

    // Nobody could renew while Redis was away: then nobody is dead for as long as a lease lives.
    private static readonly TimeSpan Grace = TimeSpan.FromSeconds(NodeLease.LifeSeconds);

    private bool _failing;
    private long? _graceSince;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            await LookAsync(stoppingToken);
            // Jitter, so that nodes do not look in step and all find the same dead one.
            try { await Task.Delay(Interval * (1 - Jitter + (2 * Jitter * Random.Shared.NextDouble())), time, stoppingToken); }
            catch (OperationCanceledException) { return; }
        }
    }

    /// <summary>One look: notes who lives, and reaps who does not.</summary>
    internal async Task LookAsync(CancellationToken cancellationToken)
    {
        try
        {
            var snapshot = await leases.ReadAsync();
            if (_failing)
            {
                Log.Restored(logger);
                _failing = false;
                _graceSince = time.GetTimestamp();
            }
            if (_graceSince is { } since && time.GetElapsedTime(since) < Grace) return;
            _graceSince = null;

            live.Observe(snapshot);
            var claims = new List<ReapClaim>(await dead.TakeOverAsync(snapshot.Now));
            foreach (var stored in snapshot.Leases.Where(stored => !snapshot.IsLive(stored.Lease) && stored.Lease.NodeId != own.LeaseId))
            {
                if (await dead.ClaimAsync(stored) is { } claim) claims.Add(claim);
            }
            foreach (var claim in claims) await ReapAsync(claim, cancellationToken);
        }
        catch (Exception failure) when (failure is RedisException or TimeoutException)
        {
            if (!_failing) Log.Failing(logger, failure.Message);
            _failing = true;
        }
    }

    private async Task ReapAsync(ReapClaim? claim, CancellationToken cancellationToken)
    {
        var process = claim!.Process;
        var reaped = 0;
        while (!cancellationToken.IsCancellationRequested)
        {
            var users = await presence.SomeUsersAsync(process, BatchSize);
            if (users.Count == 0)
            {
                await dead.DoneAsync(claim);
                Log.Reaped(logger, process, reaped);
                return;
            }
            await Task.WhenAll(users.Select(async user =>
            {
                var change = await presence.SetAsync(user, process, part: null, formerProcess: null, seen: claim.DiedAt);
                if (change.IsVisible) announcer.Announce(user);
            }));
            reaped += users.Count;
            claim = await dead.ExtendAsync(claim);
            if (claim is null) return; // another process took over and goes on
        }
    }

    private static partial class Log
    {
        [LoggerMessage(1, LogLevel.Information, "Process {Process} died; {Users} users of it are gone.")]
        public static partial void Reaped(ILogger logger, string process, int users);

        [LoggerMessage(2, LogLevel.Warning, "The leases of the nodes cannot be read: {Reason}")]
        public static partial void Failing(ILogger logger, string reason);

        [LoggerMessage(3, LogLevel.Information, "The leases of the nodes can be read again.")]
        public static partial void Restored(ILogger logger);
    }
}
