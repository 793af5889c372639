using Chat.Realtime.Connections;
using Chat.Realtime.Presence;
using Microsoft.Extensions.Options;

namespace Chat.Realtime.Limits;

/// <summary>
/// How many connections a user may have, over all nodes: the ones that are open stay, the newest is refused. Each process says in Redis how many it has,
/// in the step that reads the others', so two that ask at once do not both let one in; what a dead process said does not count. When Redis cannot be
/// asked, only the connections of this node do.
/// </summary>
internal sealed class UserConnections(ConnectionRegistry registry, PresenceTracker presence, IOptions<LimitOptions> options)
{
    /// <summary>False when a connection that has just been counted is one too many. Answers within 3 seconds.</summary>
    public async Task<bool> MayStayAsync(Connection connection)
    {
        var limit = options.Value.ConnectionsPerUser;
        if (!options.Value.Enabled || limit == 0) return true;
        // Those behind it in the list came later: they are not counted against it, and neither are those that are on their way out.
        var here = registry.OfUser(connection.User.UserId).TakeWhile(open => open != connection).Count(open => !open.IsClosing) + 1;
        if (here > limit) return false;
        return await presence.CountElsewhereAsync(connection.User.UserId) is not { } elsewhere || here + elsewhere <= limit;
    }
}
