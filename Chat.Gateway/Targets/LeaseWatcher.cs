using Chat.Contracts;
using Chat.Gateway.Routing;
using Chat.ServiceDefaults.Leases;
using StackExchange.Redis;
using Yarp.ReverseProxy.Configuration;

namespace Chat.Gateway.Targets;

/// <summary>
/// Reads the leases twice a second and gives the proxy its targets. While Redis is away the last known targets stay.
/// Without a lease of the interface, the address that service discovery knows for it is used.
/// </summary>
public sealed partial class LeaseWatcher(
    LeaseStore nodes, LeaseStore frontends, InMemoryConfigProvider proxy, IConfiguration configuration, TimeProvider time,
    ILogger<LeaseWatcher> logger) : BackgroundService
{
    private const string DiscoveredFrontend = "services:frontend:http:0";
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(500);

    // The interface's processes have nothing that must be reaped; a lease that is dead for so long is only litter.
    private static readonly TimeSpan ForgetAfter = TimeSpan.FromMinutes(1);

    private readonly TargetList _nodes = new(time);
    private readonly TargetList _frontends = new(time);
    private readonly long _startedAt = time.GetTimestamp();
    private bool _failing;

    /// <summary>How many nodes can get a connection now.</summary>
    public int ReadyNodes => _nodes.Ready.Count;

    /// <summary>How long this process has run.</summary>
    public TimeSpan Age => time.GetElapsedTime(_startedAt);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        Apply();
        while (!stoppingToken.IsCancellationRequested)
        {
            await ObserveAsync();
            // Jitter, so that many gateways do not ask in step.
            try { await Task.Delay(Interval * (0.9 + (0.2 * Random.Shared.NextDouble())), time, stoppingToken); }
            catch (OperationCanceledException) { return; }
        }
    }

    private async Task ObserveAsync()
    {
        try
        {
            var nodeLeases = await nodes.ReadAsync();
            var frontendLeases = await frontends.ReadAsync();
            var changed = _nodes.Observe(nodeLeases) | _frontends.Observe(frontendLeases);
            if (changed) Apply();
            foreach (var litter in frontendLeases.Leases.Where(stored => frontendLeases.Now - stored.Lease.RenewedAt > ForgetAfter.TotalMilliseconds))
                await frontends.RemoveUnchangedAsync(litter);
            if (_failing) Log.Restored(logger);
            _failing = false;
        }
        catch (Exception failure) when (failure is RedisException or TimeoutException)
        {
            if (!_failing) Log.Failing(logger, failure.Message);
            _failing = true;
        }
    }

    private void Apply()
    {
        var interfaces = _frontends.Ready.Count > 0 ? _frontends.Ready
            : configuration[DiscoveredFrontend] is { Length: > 0 } address
                ? [new NodeLease("discovered", address, NodeLease.Ready, 0, default, 0)]
                : [];
        proxy.Update(GatewayRoutes.All, GatewayRoutes.Clusters(_nodes.Ready, interfaces));
        Log.Targets(logger, string.Join(", ", _nodes.Ready.Select(node => node.Address)), string.Join(", ", interfaces.Select(target => target.Address)));
    }

    private static partial class Log
    {
        [LoggerMessage(1, LogLevel.Information, "Targets: nodes [{Nodes}], interface [{Frontends}]")]
        public static partial void Targets(ILogger logger, string nodes, string frontends);

        [LoggerMessage(2, LogLevel.Warning, "The leases cannot be read, the last known targets stay: {Reason}")]
        public static partial void Failing(ILogger logger, string reason);

        [LoggerMessage(3, LogLevel.Information, "The leases can be read again.")]
        public static partial void Restored(ILogger logger);
    }
}
