using Yarp.ReverseProxy.Forwarder;
using Yarp.ReverseProxy.Health;
using Yarp.ReverseProxy.Model;

namespace Chat.Gateway.Routing;

/// <summary>
/// A target that takes no connection, or turns newcomers away because it is on its way out, is passed over by everybody for a moment, and the request
/// that found out goes to another one at once. Only such requests are repeated: of the one no byte was sent, the other took no effect and has no body, so
/// nothing can happen twice.
/// </summary>
public sealed class ConnectRetry(RequestDelegate next, IDestinationHealthUpdater health)
{
    private const int MaxAttempts = 3;

    // A dead target leaves the list with its lease, within seconds; until then one request in a while finds out whether it is back.
    private static readonly TimeSpan PassedOver = TimeSpan.FromSeconds(3);

    public async Task InvokeAsync(HttpContext context)
    {
        var proxy = context.GetReverseProxyFeature();
        List<DestinationState>? refused = null;
        var items = context.Items.Keys.ToList();
        for (var attempt = 1; ; attempt++)
        {
            await next(context);
            if (context.Response.HasStarted || proxy.ProxiedDestination is not { } target
                || !(IsConnectFailure(context.GetForwarderErrorFeature()) || TurnedAway.IsSet(context)))
                return;

            if (context.GetRouteModel().Cluster is { } cluster)
                health.SetPassive(cluster, target, DestinationHealth.Unhealthy, PassedOver);
            (refused ??= []).Add(target);
            var others = proxy.AllDestinations.Except(refused).ToList();
            if (attempt == MaxAttempts || others.Count == 0)
            {
                if (!TurnedAway.IsSet(context)) return;
                context.Response.Clear();
                await UnavailableAnswer.WriteAsync(context, "Nothing takes new connections now. Try again.");
                return;
            }
            context.Response.Clear();
            // What the attempt left behind: among it is which target the client's cookie named, and with that the client would not be told of the new one.
            foreach (var left in context.Items.Keys.Except(items).ToList()) context.Items.Remove(left);
            context.Features.Set<IForwarderErrorFeature>(null);
            proxy.AvailableDestinations = others;
            proxy.ProxiedDestination = null;
        }
    }

    /// <summary>True when no connection came about, so nothing of the request was sent.</summary>
    public static bool IsConnectFailure(IForwarderErrorFeature? error) => error?.Exception switch
    {
        HttpRequestException { HttpRequestError: HttpRequestError.ConnectionError or HttpRequestError.NameResolutionError or HttpRequestError.SecureConnectionError } => true,
        // How the handler reports its connect time-out; an activity time-out has no inner exception of that kind.
        OperationCanceledException { InnerException: TimeoutException } => true,
        _ => false,
    };
}
