using Chat.Data.Numbering;
using Chat.Tests.Backends;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Logging.Abstractions;
using StackExchange.Redis;

namespace Chat.Tests.Numbering;

/// <summary>Settings of Redis are read from Redis itself.</summary>
public sealed class RedisRequirementsTests
{
    [Fact]
    public async Task Wrong_settings_are_named_with_the_remedy_and_only_degrade()
    {
        await using var server = await RedisFixture.StartServerAsync();
        await using var admin = await ConnectionMultiplexer.ConnectAsync(server.ConnectionString + ",allowAdmin=true");
        await using var redis = await ConnectionMultiplexer.ConnectAsync(server.ConnectionString);
        var requirements = new RedisRequirements(redis, NullLogger<RedisRequirements>.Instance);
        var right = await requirements.CheckHealthAsync(new HealthCheckContext());

        await admin.GetServers()[0].ConfigSetAsync("maxmemory-policy", "allkeys-lru");
        await admin.GetServers()[0].ConfigSetAsync("appendonly", "no");
        var wrong = await requirements.CheckHealthAsync(new HealthCheckContext());

        Assert.Equal(HealthStatus.Healthy, right.Status);
        Assert.Equal(HealthStatus.Degraded, wrong.Status);
        Assert.Contains("Set it to noeviction", wrong.Description, StringComparison.Ordinal);
        Assert.Contains("Set appendonly yes", wrong.Description, StringComparison.Ordinal);
    }
}
