using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using OpenTelemetry;
using OpenTelemetry.Metrics;
using OpenTelemetry.Trace;

namespace Chat.ServiceDefaults;

/// <summary>
/// Metrics for <c>/metrics</c> in any case; logs, traces and metrics over OTLP when a collector is configured.
/// Instruments of meters and sources named <c>Chat.*</c> are exported.
/// </summary>
internal static class Telemetry
{
    private const string OtlpEndpoint = "OTEL_EXPORTER_OTLP_ENDPOINT";

    // Configuration sections of the client packages of Redis and Postgres.
    private static readonly string[] TracedClients = ["Aspire:StackExchange:Redis", "Aspire:Npgsql", "Aspire:Npgsql:EntityFrameworkCore:PostgreSQL"];

    public static void AddTelemetry(this IHostApplicationBuilder builder)
    {
        var telemetry = builder.Services.AddOpenTelemetry();
        telemetry.WithMetrics(metrics => metrics
            .AddAspNetCoreInstrumentation()
            .AddHttpClientInstrumentation()
            .AddRuntimeInstrumentation()
            .AddMeter("Chat.*")
            .AddMeter("Microsoft.AspNetCore.Server.Kestrel", "Microsoft.AspNetCore.Http.Connections")
            .AddPrometheusExporter());

        // Without a collector nobody would see a span, so none is made. The clients have to be told: each would bring a tracer of its own, and a span for every command.
        if (string.IsNullOrWhiteSpace(builder.Configuration[OtlpEndpoint]))
        {
            builder.Configuration.AddInMemoryCollection(TracedClients.Select(client => KeyValuePair.Create(client + ":DisableTracing", (string?)"true")));
            return;
        }

        builder.Logging.AddOpenTelemetry(logging =>
        {
            logging.IncludeFormattedMessage = true;
            logging.IncludeScopes = true;
        });
        telemetry.WithTracing(tracing => tracing
            .AddSource(builder.Environment.ApplicationName, "Chat.*")
            .AddAspNetCoreInstrumentation(options => options.Filter = context => !HealthEndpoints.IsProbe(context.Request.Path))
            .AddHttpClientInstrumentation());
        telemetry.UseOtlpExporter();
    }
}
