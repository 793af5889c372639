using Chat.Contracts;
using Chat.Realtime.Auth;
using Chat.Realtime.Commands;
using Chat.Realtime.Fanout;
using Chat.Realtime.Limits;
using Chat.Realtime.Nodes;
using Chat.Realtime.Presence;
using Microsoft.Extensions.Options;

namespace Chat.Realtime.Connections;

/// <summary>
/// What opening and closing a connection means, whatever its transport. The welcome is the first frame, and when it leaves the user's
/// own channel is subscribed, so a direct message sent after the welcome was seen is not missed.
/// </summary>
internal sealed class ConnectionLifecycle(
    ConnectionRegistry registry, EndedSessions endedSessions, UserFeeds users, LocalRooms rooms, PresenceTracker presence, UserConnections userConnections, NodeIdentity node, NodeMetrics metrics,
    IOptions<ConnectionOptions> options, TimeProvider time)
{
    /// <summary>A new connection of <paramref name="user"/>; the transport attaches itself afterwards.</summary>
    public async Task<Connection> OpenAsync(ConnectedUser user, CancellationToken cancellationToken)
    {
        var connection = new Connection(Guid.CreateVersion7(time.GetUtcNow()), user, options.Value, time);
        connection.TrySend(Replies.Welcome(connection, node.Id, time.GetUtcNow()));
        registry.Add(connection);
        endedSessions.Enforce(connection);
        metrics.ConnectionOpened();
        try
        {
            await users.EnterAsync(connection, cancellationToken);
            presence.Connected(connection);
        }
        catch
        {
            Leave(connection);
            throw;
        }
        if (!await userConnections.MayStayAsync(connection)) connection.Refuse(CloseCodes.TooManyConnections, "too many connections");
        return connection;
    }

    /// <summary>The connection is gone: it is in no room, no feed and no count any more.</summary>
    public void Closed(Connection connection)
    {
        presence.Disconnected(connection);
        Leave(connection);
        if (connection.ClosedWith is { Code: CloseCodes.SlowConsumer }) metrics.SlowConsumer();
    }

    private void Leave(Connection connection)
    {
        registry.Remove(connection);
        users.Exit(connection);
        rooms.LeaveAll(connection);
        metrics.ConnectionClosed();
    }
}
