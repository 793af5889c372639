using Chat.Contracts;
using Chat.Realtime.Connections;
using Chat.ServiceDefaults.Leases;
using StackExchange.Redis;
using IServer = Microsoft.AspNetCore.Hosting.Server.IServer;

namespace Chat.Realtime.Nodes;

internal static class NodesServices
{
    /// <summary>To be called after <c>AddConnections</c> and before <c>AddPresence</c>: services stop in reverse order. The lease says that the node drains before it does, and goes last.</summary>
    public static IHostApplicationBuilder AddNodes(this IHostApplicationBuilder builder)
    {
        var services = builder.Services;
        services.AddSingleton<NodeIdentity>();
        services.AddSingleton<LiveNodes>();
        services.AddSingleton(provider => new LeaseStore(provider.GetRequiredService<IConnectionMultiplexer>(), RedisKeys.Nodes));
        services.AddSingleton(provider =>
        {
            var connections = provider.GetRequiredService<ConnectionRegistry>();
            return new LeaseKeeper(
                provider.GetRequiredService<LeaseStore>(), provider.GetRequiredService<NodeIdentity>().Id, () => connections.Count,
                provider.GetRequiredService<IServer>(), provider.GetRequiredService<IHostApplicationLifetime>(),
                provider.GetRequiredService<TimeProvider>(), provider.GetRequiredService<ILogger<LeaseKeeper>>());
        });
        services.AddHostedService(provider => provider.GetRequiredService<LeaseKeeper>());
        services.AddSingleton<DeadNodes>();
        services.AddHostedService<LeaseReaper>();
        return builder;
    }
}
