using Chat.Gateway.Routing;
using Microsoft.AspNetCore.Http.Features;

namespace Chat.Gateway.Draining;

/// <summary>Puts every WebSocket on the list of <see cref="OpenSockets"/> for as long as it is open, and refuses new ones while the gateway stops.</summary>
internal sealed class SocketDrain(RequestDelegate next, OpenSockets sockets)
{
    private const string WebSocketProtocol = "websocket";

    public async Task InvokeAsync(HttpContext context)
    {
        var upgrade = context.Features.Get<IHttpUpgradeFeature>();
        var connect = context.Features.Get<IHttpExtendedConnectFeature>();
        if (!IsWebSocket(context, upgrade, connect))
        {
            await next(context);
            return;
        }
        if (sockets.IsDraining)
        {
            context.Response.Headers.Connection = "close";
            await UnavailableAnswer.WriteAsync(context, "The gateway is stopping. Connect again.");
            return;
        }

        using var entry = new Entry(sockets, upgrade, connect);
        if (upgrade is not null) context.Features.Set<IHttpUpgradeFeature>(entry);
        if (connect is not null) context.Features.Set<IHttpExtendedConnectFeature>(entry);
        await next(context);
    }

    private static bool IsWebSocket(HttpContext context, IHttpUpgradeFeature? upgrade, IHttpExtendedConnectFeature? connect) =>
        (upgrade is { IsUpgradableRequest: true } && context.Request.Headers.Upgrade.ToString().Equals(WebSocketProtocol, StringComparison.OrdinalIgnoreCase))
        || (connect is { IsExtendedConnect: true } && WebSocketProtocol.Equals(connect.Protocol, StringComparison.OrdinalIgnoreCase));

    /// <summary>Stands in for the server's features, so that the proxy gets a stream that can be closed.</summary>
    private sealed class Entry(OpenSockets sockets, IHttpUpgradeFeature? upgrade, IHttpExtendedConnectFeature? connect)
        : IHttpUpgradeFeature, IHttpExtendedConnectFeature, IDisposable
    {
        private ClosableSocket? _socket;

        public bool IsUpgradableRequest => upgrade!.IsUpgradableRequest;

        public bool IsExtendedConnect => connect!.IsExtendedConnect;

        public string? Protocol => connect!.Protocol;

        public async Task<Stream> UpgradeAsync() => Track(await upgrade!.UpgradeAsync());

        public async ValueTask<Stream> AcceptAsync() => Track(await connect!.AcceptAsync());

        public void Dispose()
        {
            if (_socket is not null) sockets.Remove(_socket);
        }

        private ClosableSocket Track(Stream client)
        {
            _socket = new ClosableSocket(client);
            sockets.Add(_socket);
            return _socket;
        }
    }
}
