namespace Chat.Realtime.Connections;

/// <summary>All open connections of this process.</summary>
public sealed class ConnectionRegistry
{
    public int Count => throw new NotImplementedException();

    /// <summary>A copy: the open connections of a user here.</summary>
    public IReadOnlyList<Connection> OfUser(string userId) => throw new NotImplementedException();

    /// <summary>A copy: the users with an open connection here.</summary>
    public IReadOnlyList<string> Users() => throw new NotImplementedException();
}
