using System.Net.WebSockets;
using Chat.Contracts;
using Chat.Realtime.Api;
using Chat.Realtime.Auth;
using Chat.Realtime.Commands;
using Chat.Realtime.Transport;
using Microsoft.AspNetCore.Http.Features;

namespace Chat.Realtime.Connections;

/// <summary><c>GET /ws</c>: who may connect is decided before the upgrade.</summary>
internal sealed class WebSocketEndpoint(
    OpeningRules rules, ConnectionLimits limits, TokenAuthenticator authenticator, ConnectionLifecycle lifecycle, Newcomers newcomers, CommandDispatcher dispatcher,
    NodeMetrics metrics, TimeProvider time, ILogger<WebSocketEndpoint> logger)
{
    public const string Path = "/ws";

    // Pings after this much silence. Under 30 s, so that no proxy in between takes the connection for idle.
    private static readonly TimeSpan PingAfter = TimeSpan.FromMilliseconds(ProtocolLimits.HeartbeatMs);
    // A back-stop: the connection clock closes a silent peer with 1001 before the framework cuts it without a code.
    private static readonly TimeSpan PongWithin = TimeSpan.FromMilliseconds(1.5 * ProtocolLimits.HeartbeatMs);

    /// <summary>The middleware and the route.</summary>
    public static void Map(WebApplication app)
    {
        app.UseWhen(context => context.Request.Path == Path, ws =>
        {
            ws.Use((context, next) =>
            {
                if (context.Features.Get<IHttpUpgradeFeature>() is { } upgrade) context.Features.Set<IHttpUpgradeFeature>(new HeardUpgrade(upgrade));
                return next(context);
            });
            ws.UseWebSockets(new WebSocketOptions { KeepAliveInterval = PingAfter, KeepAliveTimeout = PongWithin });
        });
        app.MapGet(Path, (HttpContext context, WebSocketEndpoint endpoint) => endpoint.HandleAsync(context)).ExcludeFromDescription();
    }

    /// <summary>Admits or refuses, and serves whom it admits, unless the request came in below Kestrel: then <see cref="DirectUpgrade"/> says who was admitted.</summary>
    public async Task HandleAsync(HttpContext context)
    {
        var direct = context.Features.Get<DirectUpgrade>();
        if (direct is null && context.WebSockets.IsWebSocketRequest) await newcomers.HandshakeAsync(context.RequestAborted); // below Kestrel it has had its turn before it came here
        ConnectedUser user;
        try
        {
            if (!context.WebSockets.IsWebSocketRequest) throw new ChatException(ErrorCodes.BadRequest, "This address speaks WebSocket: send an upgrade request.");
            await rules.CheckAsync(context);
            user = await authenticator.AuthenticateAsync(context, context.RequestAborted)
                ?? throw new ChatException(ErrorCodes.Unauthorized, "The access token or ticket is missing, wrong or expired.");
        }
        catch (ChatException refused)
        {
            await ProblemAnswer.WriteAsync(context, refused);
            return;
        }
        var address = OpeningRules.AddressOf(context);
        var subProtocol = context.WebSockets.WebSocketRequestedProtocols.Contains(ProtocolLimits.SubProtocol) ? ProtocolLimits.SubProtocol : null;
        var hasPlace = limits.Enter(address);
        if (direct is not null)
        {
            direct.Admission = new Admission(user, address, hasPlace, subProtocol);
            return;
        }
        try
        {
            await ServeAsync(context, user, hasPlace, subProtocol);
        }
        finally
        {
            limits.Leave(address);
        }
    }

    private async Task ServeAsync(HttpContext context, ConnectedUser user, bool hasPlace, string? subProtocol)
    {
        using var socket = await context.WebSockets.AcceptWebSocketAsync(subProtocol);
        if (!hasPlace)
        {
            // Browsers see close codes but no statuses, so the reason is told after the upgrade.
            await socket.CloseOutputAsync((WebSocketCloseStatus)CloseCodes.TryAgainLater, "this node is full", context.RequestAborted);
            return;
        }
        var stream = (context.Features.Get<IHttpUpgradeFeature>() as HeardUpgrade)?.Stream;
        var connection = await lifecycle.OpenAsync(user, context.RequestAborted);
        stream?.Watch(connection);
        try
        {
            await using var session = new WebSocketSession(connection, socket, dispatcher, metrics, time, context.Abort, logger);
            await session.RunAsync(context.RequestAborted);
        }
        finally
        {
            lifecycle.Closed(connection);
        }
    }
}
