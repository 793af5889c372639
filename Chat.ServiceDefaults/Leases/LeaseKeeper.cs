using Chat.Contracts;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using StackExchange.Redis;
using IServer = Microsoft.AspNetCore.Hosting.Server.IServer;

namespace Chat.ServiceDefaults.Leases;

/// <summary>
/// Keeps the lease of this process: announced when the server listens, renewed every second, <c>draining</c> from the moment the host
/// stops, removed when all else has stopped. What others keep about this process stands under <see cref="LeaseId"/>. When the lease was
/// taken away (this process was thought dead), the process never goes on under the old id: it takes a new one, so whoever cleans up
/// behind the old id cannot hit what is written under the new one.
/// </summary>
public sealed partial class LeaseKeeper(
    LeaseStore store, string processId, Func<int> connections, IServer server, IHostApplicationLifetime lifetime, TimeProvider time,
    ILogger<LeaseKeeper> logger)
    : IHostedLifecycleService, IDisposable
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(NodeLease.RenewEverySeconds);
    private static readonly TimeSpan Life = TimeSpan.FromSeconds(NodeLease.LifeSeconds);

    private readonly DateTimeOffset _startedAt = time.GetUtcNow();
    private readonly CancellationTokenSource _stopped = new();
    private readonly SemaphoreSlim _wake = new(0);
    private Task _loop = Task.CompletedTask;
    private CancellationTokenRegistration _onStopping;
    private int _generation = 1;
    private long _renewedAt;
    private volatile string? _leaseId;
    private volatile bool _draining;
    private bool _failing;

    /// <summary>The id of the lease; null until it is announced for the first time.</summary>
    public string? LeaseId => _leaseId;

    /// <summary>True while others must take this process for alive; false when renewing failed for as long as a lease lives.</summary>
    public bool IsHeld => _leaseId is not null && time.GetElapsedTime(Volatile.Read(ref _renewedAt)) < Life;

    public Task StartingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartedAsync(CancellationToken cancellationToken)
    {
        // With the framework's lifetime a signal says so before any service is asked to stop. Where it does not, this service is to be asked before whoever drains.
        _onStopping = lifetime.ApplicationStopping.Register(BeginDraining);
        var addresses = server.Features.Get<IServerAddressesFeature>()?.Addresses ?? [];
        if (AnnouncedAddress.From(addresses) is { } address)
            _loop = RunAsync(address);
        else
            Log.NoAddress(logger, string.Join(", ", addresses));
        return Task.CompletedTask;
    }

    public Task StoppingAsync(CancellationToken cancellationToken)
    {
        BeginDraining();
        return Task.CompletedTask;
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public async Task StoppedAsync(CancellationToken cancellationToken)
    {
        await _stopped.CancelAsync();
        await _loop;
        try
        {
            if (_leaseId is { } id) await store.RemoveAsync(id);
        }
        catch (Exception failure) when (failure is RedisException or TimeoutException)
        {
            Log.RemoveFailed(logger, failure.Message);
        }
    }

    public void Dispose()
    {
        _onStopping.Dispose();
        _stopped.Dispose();
        _wake.Dispose();
    }

    private void BeginDraining()
    {
        _draining = true;
        _wake.Release();
    }

    private async Task RunAsync(string address)
    {
        while (!_stopped.IsCancellationRequested)
        {
            await KeepAsync(address);
            // Woken when draining begins: the lease says so at once, not a second later.
            try { await _wake.WaitAsync(Interval, _stopped.Token); }
            catch (OperationCanceledException) { return; }
        }
    }

    private async Task KeepAsync(string address)
    {
        try
        {
            var state = _draining ? NodeLease.Draining : NodeLease.Ready;
            var confirmed = time.GetTimestamp();
            var id = _leaseId;
            if (id is null || !await store.RenewAsync(LeaseOf(id)))
            {
                if (id is not null) Log.LeaseLost(logger, id);
                id = id is null ? processId : $"{processId}-{++_generation}";
                await store.AnnounceAsync(LeaseOf(id));
            }
            Volatile.Write(ref _renewedAt, confirmed);
            _leaseId = id;
            if (_failing) Log.Renewed(logger, id);
            _failing = false;

            NodeLease LeaseOf(string leaseId) => new(leaseId, address, state, 0, _startedAt, connections());
        }
        catch (Exception failure) when (failure is RedisException or TimeoutException)
        {
            if (!_failing) Log.RenewFailed(logger, failure.Message);
            _failing = true;
        }
    }

    private static partial class Log
    {
        [LoggerMessage(1, LogLevel.Error, "This process listens on no address ({Addresses}): it cannot be found by others. Set ASPNETCORE_URLS.")]
        public static partial void NoAddress(ILogger logger, string addresses);

        [LoggerMessage(2, LogLevel.Warning, "Lease {LeaseId} was taken away: this process was silent for too long. It goes on under a new id.")]
        public static partial void LeaseLost(ILogger logger, string leaseId);

        [LoggerMessage(3, LogLevel.Warning, "The lease cannot be renewed, others will take this process for dead: {Reason}")]
        public static partial void RenewFailed(ILogger logger, string reason);

        [LoggerMessage(4, LogLevel.Information, "Lease {LeaseId} is renewed again.")]
        public static partial void Renewed(ILogger logger, string leaseId);

        [LoggerMessage(5, LogLevel.Information, "The lease stays behind until it expires: {Reason}")]
        public static partial void RemoveFailed(ILogger logger, string reason);
    }
}
