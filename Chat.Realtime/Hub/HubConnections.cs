using Microsoft.AspNetCore.SignalR;
using Microsoft.AspNetCore.SignalR.StackExchangeRedis;
using Microsoft.Extensions.Options;

namespace Chat.Realtime.Hub;

/// <summary>
/// The hub connections of this node. What goes to them through <c>IHubContext</c> of any node, an operator's word to all for example, comes over the
/// Redis backplane and may be lost. Rooms do not travel here. It also hands each connection's context to its session, which writes to it directly.
/// </summary>
internal sealed class HubConnections(
    ILogger<RedisHubLifetimeManager<ChatHub>> logger, IOptions<RedisOptions> options, IHubProtocolResolver protocols, IOptions<HubOptions> globalOptions,
    IOptions<HubOptions<ChatHub>> hubOptions)
    : RedisHubLifetimeManager<ChatHub>(logger, options, protocols, globalOptions, hubOptions)
{
    public override Task OnConnectedAsync(HubConnectionContext connection)
    {
        connection.Features.Set(connection);
        return base.OnConnectedAsync(connection);
    }
}
