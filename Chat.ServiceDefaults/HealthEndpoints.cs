using System.Collections.Concurrent;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Chat.ServiceDefaults;

/// <summary>
/// <c>/alive</c> says that the process is up. <c>/health</c> answers 503 only while the process can serve nothing: before it has started,
/// while it drains, or when a check tagged <see cref="ReadyTag"/> fails. Any other failing check (a backing service that is away)
/// is named in the body as <c>degraded</c> with status 200, so that no probe takes down a process that still serves.
/// The body holds names and states only: why one changed is in the log, once per change and not once per probe.
/// </summary>
public static partial class HealthEndpoints
{
    /// <summary>Tag of the checks without which the process can serve nothing.</summary>
    public const string ReadyTag = "ready";

    private const string LiveTag = "live";

    // A hung backing service must not hang the probe.
    private static readonly TimeSpan CheckTimeout = TimeSpan.FromSeconds(2);

    public static bool IsProbe(PathString path) => path.StartsWithSegments("/health") || path.StartsWithSegments("/alive");

    internal static void AddDefaultHealthChecks(this IHostApplicationBuilder builder)
    {
        builder.Services.AddHealthChecks()
            .AddCheck("self", () => HealthCheckResult.Healthy(), [LiveTag])
            .AddCheck<LifetimeCheck>("lifetime", tags: [ReadyTag]);
        builder.Services.AddSingleton<StateChanges>();
        builder.Logging.AddFilter("Microsoft.Extensions.Diagnostics.HealthChecks", LogLevel.None);
        builder.Services.PostConfigure<HealthCheckServiceOptions>(options =>
        {
            foreach (var registration in options.Registrations.Where(registration => registration.Timeout == Timeout.InfiniteTimeSpan))
                registration.Timeout = CheckTimeout;
        });
    }

    internal static void MapHealthEndpoints(this WebApplication app)
    {
        app.MapGet("/alive", context => AnswerAsync(context, check => check.Tags.Contains(LiveTag))).DisableHttpMetrics().AllowAnonymous();
        app.MapGet("/health", context => AnswerAsync(context, _ => true)).DisableHttpMetrics().AllowAnonymous();
    }

    private static async Task AnswerAsync(HttpContext context, Func<HealthCheckRegistration, bool> predicate)
    {
        var report = await context.RequestServices.GetRequiredService<HealthCheckService>().CheckHealthAsync(predicate, context.RequestAborted);
        context.RequestServices.GetRequiredService<StateChanges>().Observe(report);
        var checks = report.Entries.ToDictionary(entry => entry.Key, entry => StateOf(entry.Value));
        var state = checks.ContainsValue("unhealthy") ? "unhealthy" : checks.ContainsValue("degraded") ? "degraded" : "healthy";

        context.Response.StatusCode = state == "unhealthy" ? StatusCodes.Status503ServiceUnavailable : StatusCodes.Status200OK;
        context.Response.ContentType = "application/json";
        context.Response.Headers.CacheControl = "no-store";
        await using var json = new Utf8JsonWriter(context.Response.BodyWriter);
        json.WriteStartObject();
        json.WriteString("status", state);
        json.WriteStartObject("checks");
        foreach (var (name, checkState) in checks)
            json.WriteString(name, checkState);
        json.WriteEndObject();
        json.WriteEndObject();
    }

    private static string StateOf(HealthReportEntry entry) => entry.Status switch
    {
        HealthStatus.Healthy => "healthy",
        HealthStatus.Unhealthy when entry.Tags.Contains(ReadyTag) || entry.Tags.Contains(LiveTag) => "unhealthy",
        _ => "degraded",
    };

    /// <summary>Unhealthy until the host has started and again from the moment it begins to stop.</summary>
    private sealed class LifetimeCheck(IHostApplicationLifetime lifetime) : IHealthCheck
    {
        public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default) =>
            Task.FromResult(lifetime.ApplicationStopping.IsCancellationRequested ? HealthCheckResult.Unhealthy("draining")
                : lifetime.ApplicationStarted.IsCancellationRequested ? HealthCheckResult.Healthy()
                : HealthCheckResult.Unhealthy("starting"));
    }

    /// <summary>Tells when a check begins or ceases to fail.</summary>
    private sealed class StateChanges(ILogger<StateChanges> logger)
    {
        private readonly ConcurrentDictionary<string, HealthStatus> _last = new();

        public void Observe(HealthReport report)
        {
            foreach (var (name, entry) in report.Entries)
            {
                var last = _last.GetValueOrDefault(name, HealthStatus.Healthy);
                if (entry.Status == last || !_last.TryUpdateOrAdd(name, entry.Status, last))
                    continue;
                if (entry.Status == HealthStatus.Healthy)
                    Log.Recovered(logger, name);
                else
                    Log.Failing(logger, name, entry.Description, entry.Exception);
            }
        }
    }

    /// <summary>True for the one caller that makes the change.</summary>
    private static bool TryUpdateOrAdd(
        this ConcurrentDictionary<string, HealthStatus> states, string name, HealthStatus status, HealthStatus last) =>
        states.TryUpdate(name, status, last) || states.TryAdd(name, status);

    private static partial class Log
    {
        [LoggerMessage(1, LogLevel.Warning, "Health check {Name} fails: {Description}")]
        public static partial void Failing(ILogger logger, string name, string? description, Exception? exception);

        [LoggerMessage(2, LogLevel.Information, "Health check {Name} holds again")]
        public static partial void Recovered(ILogger logger, string name);
    }
}
