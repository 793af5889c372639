using Chat.Data.Model;
using Chat.Data.Numbering;
using Chat.Realtime.Connections;
using Chat.Realtime.Fanout;
using Chat.Realtime.Log;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using StackExchange.Redis;

namespace Chat.Realtime;

/// <summary>The node is not on its way out.</summary>
internal sealed class DrainHealth(DrainState drain) : IHealthCheck
{
    public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default) =>
        Task.FromResult(drain.IsDraining ? HealthCheckResult.Unhealthy("draining") : HealthCheckResult.Healthy());
}

/// <summary>The log takes events. Without it sends get <c>unavailable</c>, and everything else goes on: degraded.</summary>
internal sealed class LogHealth(EventLog log) : IHealthCheck
{
    public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default) =>
        Task.FromResult(log.Trouble is { } trouble ? HealthCheckResult.Degraded(trouble) : HealthCheckResult.Healthy());
}

/// <summary>Redis answers, to commands and to subscribers; of a cluster, every shard.</summary>
internal sealed class RedisHealth(IConnectionMultiplexer redis, RedisSubscribers subscribers, EpochGuards guards) : IHealthCheck
{
    public async Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
    {
        if (!subscribers.IsConnected) return HealthCheckResult.Degraded("the subscriber connection is lost");
        try
        {
            await Task.WhenAll(guards.Some().Select(guard => redis.GetDatabase().KeyExistsAsync(guard))).WaitAsync(cancellationToken);
            return HealthCheckResult.Healthy();
        }
        catch (Exception e) when (e is RedisException or TimeoutException)
        {
            return HealthCheckResult.Degraded(e.Message);
        }
    }
}

/// <summary>
/// Brings the database up to this build before anything else starts. A Postgres that is away does not hold up the start for ever: the node then
/// comes up and counts as starting, since it could let nobody in, until the database is current.
/// </summary>
internal sealed class SchemaAtStart(MigrationRunner migrations, IHostApplicationLifetime lifetime, TimeProvider time) : IHostedLifecycleService, IHealthCheck
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);
    private Task _run = Task.CompletedTask;

    public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default) =>
        Task.FromResult(_run.IsCompletedSuccessfully ? HealthCheckResult.Healthy() : HealthCheckResult.Unhealthy("the database is not migrated yet"));

    public async Task StartingAsync(CancellationToken cancellationToken)
    {
        _run = migrations.RunAsync(lifetime.ApplicationStopping);
        // A failure other than Postgres being away is for good: it ends the process here, or shows as a node that never gets ready.
        if (await Task.WhenAny(_run, Task.Delay(Patience, time, cancellationToken)) == _run) await _run;
    }

    public async Task StoppedAsync(CancellationToken cancellationToken) => await _run.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    public Task StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    public Task StoppingAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
