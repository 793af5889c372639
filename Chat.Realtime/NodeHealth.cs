using Chat.Data.Model;
using Chat.Realtime.Fanout;
using Chat.Realtime.Log;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using StackExchange.Redis;

namespace Chat.Realtime;

/// <summary>The log takes events. Without it sends get <c>unavailable</c>, and everything else goes on: degraded.</summary>
internal sealed class LogHealth(EventLog log) : IHealthCheck
{
    public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default) =>
        Task.FromResult(log.Trouble is { } trouble ? HealthCheckResult.Degraded(trouble) : HealthCheckResult.Healthy());
}

/// <summary>Redis answers, to commands and to subscribers.</summary>
internal sealed class RedisHealth(IConnectionMultiplexer redis, RedisSubscribers subscribers) : IHealthCheck
{
    public async Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
    {
        if (!subscribers.IsConnected) return HealthCheckResult.Degraded("the subscriber connection is lost");
        try
        {
            await redis.GetDatabase().PingAsync().WaitAsync(cancellationToken);
            return HealthCheckResult.Healthy();
        }
        catch (Exception e) when (e is RedisException or TimeoutException)
        {
            return HealthCheckResult.Degraded(e.Message);
        }
    }
}

/// <summary>
/// Brings the database up to this build; it waits for a Postgres that is away. Until then the node counts as starting: nobody could be let in.
/// </summary>
internal sealed class SchemaAtStart(MigrationRunner migrations) : BackgroundService, IHealthCheck
{
    private volatile bool _isCurrent;

    public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default) =>
        Task.FromResult(_isCurrent ? HealthCheckResult.Healthy() : HealthCheckResult.Unhealthy("the database is not migrated yet"));

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await migrations.RunAsync(stoppingToken);
        _isCurrent = true;
    }
}
