using System.Net;
using Chat.ServiceDefaults;

namespace Chat.Gateway;

/// <summary>
/// Figures are for the operator, not for everybody who can reach the public origin: <c>/metrics</c> answers on the port of
/// <c>Chat:Gateway:MetricsPort</c>, which answers nothing else but probes, and on the public ports only who asks from this machine itself.
/// </summary>
public static class MetricsPort
{
    public const string Setting = "Chat:Gateway:MetricsPort";

    private const string Path = "/metrics";

    /// <summary>Must stand before all endpoints.</summary>
    public static void UseMetricsPort(this WebApplication app)
    {
        var port = app.Configuration.GetValue<int?>(Setting);
        app.Use((context, next) =>
        {
            var isMetrics = context.Request.Path.StartsWithSegments(Path);
            var mayPass = context.Connection.LocalPort == port
                ? isMetrics || HealthEndpoints.IsProbe(context.Request.Path)
                : !isMetrics || IsOfThisMachine(context);
            if (mayPass) return next(context);

            context.Response.StatusCode = StatusCodes.Status404NotFound;
            return Task.CompletedTask;
        });
    }

    // A proxy on this machine speaks for others, and says so.
    private static bool IsOfThisMachine(HttpContext context) =>
        context.Connection.RemoteIpAddress is { } address && IPAddress.IsLoopback(address)
        && !context.Request.Headers.ContainsKey("X-Forwarded-For") && !context.Request.Headers.ContainsKey("Forwarded");
}
