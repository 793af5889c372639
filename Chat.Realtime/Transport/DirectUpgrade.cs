using System.Net;
using System.Net.WebSockets;
using Chat.Realtime.Auth;
using Microsoft.AspNetCore.Http.Features;

namespace Chat.Realtime.Transport;

/// <summary>Marks a request that came in below Kestrel: whom the endpoint admits is left here, and the upgrade itself is the loop's.</summary>
internal sealed class DirectUpgrade : IHttpWebSocketFeature
{
    public bool IsWebSocketRequest => true;

    /// <summary>Null while, and when, nobody is admitted.</summary>
    public Admission? Admission { get; set; }

    public Task<WebSocket> AcceptAsync(WebSocketAcceptContext context) =>
        throw new InvalidOperationException("This connection is not the framework's to upgrade.");
}

/// <summary>Somebody who may connect. A place among the connections of the node and the address is taken, and is to be given back.</summary>
/// <param name="HasPlace">False when the node has as many connections as it can hold: the client is told so after the upgrade.</param>
/// <param name="SubProtocol">Null when none was offered.</param>
internal sealed record Admission(ConnectedUser User, IPAddress Address, bool HasPlace, string? SubProtocol);
