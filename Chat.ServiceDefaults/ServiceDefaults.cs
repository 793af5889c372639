using Chat.ServiceDefaults;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Http.Resilience;
using Microsoft.Extensions.Logging;

namespace Microsoft.Extensions.Hosting;

/// <summary>What every process of the platform does: logs, telemetry, health, service discovery, resilient HTTP calls.</summary>
public static class ServiceDefaultsExtensions
{
    // Everything is gone 20 s after SIGTERM; the rest is for the host itself to end.
    private static readonly TimeSpan ShutdownTimeout = TimeSpan.FromSeconds(15);

    public static TBuilder AddServiceDefaults<TBuilder>(this TBuilder builder) where TBuilder : IHostApplicationBuilder
    {
        builder.AddLogLevelDefaults();
        builder.Logging.AddOneLineConsole();
        // The frameworks log every request with its query string, and a WebSocket's may carry a token.
        builder.Logging.AddFilter("Microsoft.AspNetCore", LogLevel.Warning).AddFilter("System.Net.Http.HttpClient", LogLevel.Warning);
        // Each of these writes lines per command or per reconnect at Information.
        builder.Logging.AddFilter("Npgsql", LogLevel.Warning).AddFilter("Microsoft.EntityFrameworkCore", LogLevel.Warning).AddFilter("StackExchange.Redis", LogLevel.Warning);
        builder.AddTelemetry();
        builder.AddDefaultHealthChecks();

        builder.Services.Configure<HostOptions>(options => options.ShutdownTimeout = ShutdownTimeout);
        builder.Services.AddServiceDiscovery();
        builder.Services.ConfigureHttpClientDefaults(http =>
        {
            // A repeated POST could act twice: only calls that are safe to repeat are.
            http.AddStandardResilienceHandler(options => options.Retry.DisableForUnsafeHttpMethods());
            http.AddServiceDiscovery();
        });

        // The local engine runs what `dotnet build` made, where static assets are only found through the build's own manifest.
        // In published output there is no such manifest, and this does nothing.
        if (builder is WebApplicationBuilder web)
            web.WebHost.UseStaticWebAssets();
        return builder;
    }

    /// <summary>Maps <c>/alive</c>, <c>/health</c> and <c>/metrics</c>, in every environment: probes and scrapers need them most in production.</summary>
    public static WebApplication MapDefaultEndpoints(this WebApplication app)
    {
        app.MapHealthEndpoints();
        app.MapPrometheusScrapingEndpoint("/metrics").DisableHttpMetrics();
        return app;
    }
}
