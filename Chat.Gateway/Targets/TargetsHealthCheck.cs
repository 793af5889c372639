using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace Chat.Gateway.Targets;

/// <summary>
/// Without a node the gateway can still show pages, so it is degraded; only just after its start it says "not yet", so that whoever waits
/// for it finds the nodes known.
/// </summary>
public sealed class TargetsHealthCheck(LeaseWatcher watcher) : IHealthCheck
{
    private static readonly TimeSpan Starting = TimeSpan.FromSeconds(10);

    public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default) =>
        Task.FromResult(watcher.ReadyNodes > 0 ? HealthCheckResult.Healthy()
            : watcher.Age < Starting ? HealthCheckResult.Unhealthy("No node is known yet.")
            : HealthCheckResult.Degraded("No node is ready."));
}
