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

/// <summary>Brings the database up to this build before the node counts as started; it waits for a Postgres that is away.</summary>
internal sealed class MigrationAtStart(MigrationRunner migrations) : BackgroundService
{
    protected override Task ExecuteAsync(CancellationToken stoppingToken) => migrations.RunAsync(stoppingToken);
}
