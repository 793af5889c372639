using Chat.ServiceDefaults;

namespace Chat.Gateway;

/// <summary>
/// Figures are for the operator, not for everybody who can reach the public origin: <c>/metrics</c> answers on the port of
/// <c>Chat:Gateway:MetricsPort</c> alone, whichever service would answer it, and that port answers nothing else but probes.
/// Without that setting there are none.
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
                : !isMetrics;
            if (mayPass) return next(context);

            context.Response.StatusCode = StatusCodes.Status404NotFound;
            return Task.CompletedTask;
        });
    }
}
