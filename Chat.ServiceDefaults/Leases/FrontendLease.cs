using Chat.Contracts;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using StackExchange.Redis;
using IServer = Microsoft.AspNetCore.Hosting.Server.IServer;

namespace Chat.ServiceDefaults.Leases;

/// <summary>
/// Announces an instance of the interface to the gateway, which sends a browser to the one instance that holds its circuit: behind
/// service discovery, replicas share one address and the gateway could not tell them apart. Needs <c>AddRedisClient</c>.
/// </summary>
public static class FrontendLease
{
    public static TBuilder AddFrontendLease<TBuilder>(this TBuilder builder) where TBuilder : IHostApplicationBuilder
    {
        builder.Services.AddHostedService(services => new LeaseKeeper(
            new LeaseStore(services.GetRequiredService<IConnectionMultiplexer>(), RedisKeys.Frontends),
            Guid.NewGuid().ToString("N"), static () => 0, services.GetRequiredService<IServer>(),
            services.GetRequiredService<IHostApplicationLifetime>(), TimeProvider.System, services.GetRequiredService<ILogger<LeaseKeeper>>()));
        return builder;
    }
}
