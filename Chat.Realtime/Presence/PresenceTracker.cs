using Chat.Realtime.Connections;

namespace Chat.Realtime.Presence;

/// <summary>
/// Says who is online, as leases per process: a user is online while any live process has a connection of theirs.
/// </summary>
public sealed class PresenceTracker
{
    /// <summary>A connection opened.</summary>
    public void Connected(Connection connection) => throw new NotImplementedException();

    /// <summary>A connection closed.</summary>
    public void Disconnected(Connection connection) => throw new NotImplementedException();

    /// <summary>A command other than <c>ping</c> arrived: the user is not away. Cheap, called for each command.</summary>
    public void Touch(Connection connection) => throw new NotImplementedException();
}
