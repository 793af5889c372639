using System.Net;
using Chat.Contracts;
using Chat.Realtime.Auth;
using Chat.Realtime.Commands;
using Chat.Realtime.Connections;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.SignalR;

namespace Chat.Realtime.Hub;

/// <summary>Opens and closes the connection behind a hub connection. A connection that may not be gets a reason that starts with an error code.</summary>
internal sealed class HubSessions(
    ConnectionLifecycle lifecycle, ConnectionLimits limits, Newcomers newcomers, DrainState drain, TokenAuthenticator authenticator, CommandDispatcher dispatcher, NodeMetrics metrics, TimeProvider time,
    ILogger<HubSession> logger)
{
    public static HubSession? Of(HubCallerContext context) => context.Features.Get<HubSession>();

    public async Task OpenAsync(HubCallerContext context)
    {
        await newcomers.HandshakeAsync(context.ConnectionAborted);
        if (drain.IsDraining) throw new HubException($"{CloseCodes.ServiceRestart}: restart");
        var request = context.GetHttpContext()!;
        var user = await AuthenticateAsync(request, context.ConnectionAborted);
        var address = request.Connection.RemoteIpAddress ?? IPAddress.None;
        var place = new HubPlace(limits, address);
        context.Features.Set(place); // given back when the connection ends, whatever becomes of the rest
        if (!place.Taken) throw new HubException($"{CloseCodes.TryAgainLater}: this node is full");

        var connection = await lifecycle.OpenAsync(user, context.ConnectionAborted);
        var session = new HubSession(connection, context.Features.Get<HubConnectionContext>()!, dispatcher, metrics, time, logger);
        context.Features.Set(session);
        context.Features.Set(lifecycle);
        // Hub clients prove that they are alive by the hub's own pings, and the hub closes silent ones: while it lives, so does the connection.
        context.Features.Get<IConnectionHeartbeatFeature>()?.OnHeartbeat(state => ((Connection)state).Heard(), connection);
        session.Start();
    }

    public static async Task CloseAsync(HubCallerContext context)
    {
        try
        {
            if (Of(context) is not { } session) return;
            session.Connection.Close(CloseCodes.Normal, "closed");
            await session.DisposeAsync();
            context.Features.Get<ConnectionLifecycle>()!.Closed(session.Connection);
        }
        finally
        {
            context.Features.Get<HubPlace>()?.Leave();
        }
    }

    private async Task<ConnectedUser> AuthenticateAsync(HttpContext request, CancellationToken cancellationToken)
    {
        try
        {
            return await authenticator.OfHubAsync(request, cancellationToken)
                ?? throw new HubException($"{ErrorCodes.Unauthorized}: The access token is missing, wrong or expired.");
        }
        catch (ChatException e)
        {
            throw new HubException($"{e.Code}: {e.Message}");
        }
    }

    /// <summary>A place among the connections of the node and of an address.</summary>
    private sealed class HubPlace
    {
        private readonly ConnectionLimits _limits;
        private readonly IPAddress _address;

        public HubPlace(ConnectionLimits limits, IPAddress address)
        {
            (_limits, _address) = (limits, address);
            Taken = limits.Enter(address);
        }

        public bool Taken { get; }

        public void Leave() => _limits.Leave(_address);
    }
}
