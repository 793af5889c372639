using Chat.Contracts;
using Chat.Gateway.Draining;
using Chat.Gateway.Routing;
using Chat.Gateway.Targets;
using Chat.Gateway.Tls;
using Chat.ServiceDefaults;
using Chat.ServiceDefaults.Leases;
using StackExchange.Redis;

namespace Chat.Gateway;

/// <summary>The gateway: one public origin in front of the nodes and the interface. It needs a registered <see cref="IConnectionMultiplexer"/>.</summary>
public static class GatewayServices
{
    /// <summary>Configuration key of the folder for what must survive a restart.</summary>
    public const string DataDirectoryKey = "Chat:DataDirectory";

    // The largest upload is a file of 10 MiB; the rest is for the multipart frame around it.
    private const int MaxRequestBodyBytes = 11 * 1024 * 1024;

    private static readonly TimeSpan RequestHeadersTimeout = TimeSpan.FromSeconds(15);

    // First the WebSockets; what else is in flight then (a long poll at worst) need not hold the process for longer.
    private static readonly TimeSpan ShutdownTimeout = OpenSockets.CloseTimeout + TimeSpan.FromSeconds(5);

    public static WebApplicationBuilder AddGateway(this WebApplicationBuilder builder)
    {
        var services = builder.Services;
        services.Configure<HostOptions>(options => options.ShutdownTimeout = ShutdownTimeout);
        services.AddReverseProxy()
            .LoadFromMemory(GatewayRoutes.All, GatewayRoutes.Clusters([], []))
            .AddTransforms(ForwardedIdentity.Apply)
            .AddTransforms(TurnedAway.Apply)
            .ConfigureHttpClient((_, handler) => handler.ConnectTimeout = GatewayRoutes.ConnectTimeout);
        services.AddSingleton(provider => new LeaseWatcher(
            new LeaseStore(provider.GetRequiredService<IConnectionMultiplexer>(), RedisKeys.Nodes),
            new LeaseStore(provider.GetRequiredService<IConnectionMultiplexer>(), RedisKeys.Frontends),
            provider.GetRequiredService<Yarp.ReverseProxy.Configuration.InMemoryConfigProvider>(),
            provider.GetRequiredService<IConfiguration>(), TimeProvider.System, provider.GetRequiredService<ILogger<LeaseWatcher>>()));
        services.AddHostedService(provider => provider.GetRequiredService<LeaseWatcher>());
        services.AddSingleton(provider => new OpenSockets(
            provider.GetRequiredService<IHostApplicationLifetime>(), TimeProvider.System, provider.GetRequiredService<ILogger<OpenSockets>>()));
        services.AddHostedService(provider => provider.GetRequiredService<OpenSockets>());
        services.AddHealthChecks().AddCheck<TargetsHealthCheck>("targets", tags: [HealthEndpoints.ReadyTag]);

        // A token in a query string ends in no log: these categories write whole URLs.
        builder.Logging.AddFilter("Microsoft.AspNetCore.Hosting.Diagnostics", LogLevel.Warning);
        builder.Logging.AddFilter("Microsoft.AspNetCore.Server.Kestrel", LogLevel.Information);
        builder.Logging.AddFilter("Yarp.ReverseProxy.Forwarder", LogLevel.Warning);

        services.AddSingleton<GatewayCertificate>();
        builder.WebHost.ConfigureKestrel((_, kestrel) =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxRequestBodySize = MaxRequestBodyBytes;
            kestrel.Limits.RequestHeadersTimeout = RequestHeadersTimeout;
            kestrel.ConfigureHttpsDefaults(https =>
                kestrel.ApplicationServices.GetRequiredService<GatewayCertificate>().Configure(https));
        });
        return builder;
    }

    public static void MapGateway(this WebApplication app)
    {
        app.UseFrontProxies();
        app.UseMetricsPort();
        app.UseMiddleware<SocketDrain>();
        app.MapReverseProxy(proxy =>
        {
            proxy.UseMiddleware<UnavailableAnswer>();
            proxy.UseMiddleware<ConnectRetry>();
            proxy.UseSessionAffinity();
            proxy.UseLoadBalancing();
        });
    }
}
