using Chat.Contracts;
using Chat.Realtime.Api;
using Chat.Realtime.Auth;
using Chat.Realtime.Commands;
using Chat.Realtime.Transport;
using Microsoft.AspNetCore.Http.Features;

namespace Chat.Realtime.Connections;

/// <summary><c>GET /ws</c>: who may connect is decided before the upgrade.</summary>
internal sealed partial class WebSocketEndpoint(
    OpeningRules rules, ConnectionLimits limits, TokenAuthenticator authenticator, ConnectionLifecycle lifecycle, Newcomers newcomers, CommandDispatcher dispatcher,
    NodeMetrics metrics, TimeProvider time, ILogger<WebSocketEndpoint> logger)
{
    public const string Path = "/ws";

    /// <summary>The middleware, which says what is a WebSocket's opening handshake, and the route.</summary>
    public static void Map(WebApplication app)
    {
        app.UseWhen(context => context.Request.Path == Path, ws => ws.UseWebSockets());
        app.MapMethods(Path, [HttpMethods.Get, HttpMethods.Connect], (HttpContext context, WebSocketEndpoint endpoint) => endpoint.HandleAsync(context)).ExcludeFromDescription();
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
        Refusal? refusal;
        try
        {
            refusal = await ServeAsync(context, user, hasPlace, subProtocol);
        }
        finally
        {
            limits.Leave(address);
        }
        // Only now: whoever is told to go takes no place meanwhile.
        if (refusal is not null) await StreamSession.RefuseAsync(refusal.Stream, refusal.Code, refusal.Reason, time);
    }

    private async Task<Refusal?> ServeAsync(HttpContext context, ConnectedUser user, bool hasPlace, string? subProtocol)
    {
        var stream = await UpgradeAsync(context, subProtocol);
        if (!hasPlace) return new Refusal(stream, CloseCodes.TryAgainLater, "this node is full"); // browsers see close codes but no statuses, so it is told after the upgrade
        Connection connection;
        try
        {
            connection = await lifecycle.OpenAsync(user, context.RequestAborted);
        }
        catch (Exception e) when (!context.RequestAborted.IsCancellationRequested)
        {
            Log.OpeningFailed(logger, e);
            return new Refusal(stream, CloseCodes.InternalError, "internal");
        }
        try
        {
            await using var session = new StreamSession(connection, stream, dispatcher, metrics, time, context.Abort, logger);
            await session.RunAsync(context.RequestAborted);
            return null;
        }
        finally
        {
            lifecycle.Closed(connection);
        }
    }

    // Not with the framework's WebSocket: when it refuses bytes it aborts the request, often before its close frame has left, and of pings and pongs nobody is told.
    private static async Task<Stream> UpgradeAsync(HttpContext context, string? subProtocol)
    {
        var headers = context.Response.Headers;
        if (subProtocol is not null) headers.SecWebSocketProtocol = subProtocol;
        if (context.Features.Get<IHttpExtendedConnectFeature>() is { IsExtendedConnect: true } connect) return await connect.AcceptAsync(); // HTTP/2, RFC 8441
        headers.Upgrade = "websocket";
        headers.SecWebSocketAccept = Handshakes.AcceptOf(context.Request.Headers.SecWebSocketKey.ToString());
        return await context.Features.GetRequiredFeature<IHttpUpgradeFeature>().UpgradeAsync();
    }

    /// <summary>What a client is told that was upgraded and has no connection.</summary>
    private sealed record Refusal(Stream Stream, int Code, string Reason);

    private static partial class Log
    {
        [LoggerMessage(1003, LogLevel.Error, "A connection could not be opened")]
        public static partial void OpeningFailed(ILogger logger, Exception failure);
    }
}
