namespace Chat.Realtime.Connections;

/// <summary>All open connections of this process.</summary>
public sealed class ConnectionRegistry
{
    private readonly Lock _gate = new();
    private readonly Dictionary<string, Connection> _byId = [];
    private readonly Dictionary<string, List<Connection>> _byUser = [];

    public int Count
    {
        get { lock (_gate) return _byId.Count; }
    }

    /// <summary>A copy: the open connections of a user here.</summary>
    public IReadOnlyList<Connection> OfUser(string userId)
    {
        lock (_gate) return _byUser.TryGetValue(userId, out var connections) ? [.. connections] : [];
    }

    /// <summary>A copy: the users with an open connection here.</summary>
    public IReadOnlyList<string> Users()
    {
        lock (_gate) return [.. _byUser.Keys];
    }

    /// <summary>A copy: every open connection here.</summary>
    internal Connection[] All()
    {
        lock (_gate) return [.. _byId.Values];
    }

    internal void Add(Connection connection)
    {
        lock (_gate)
        {
            _byId.Add(connection.Id, connection);
            if (!_byUser.TryGetValue(connection.User.UserId, out var connections)) _byUser.Add(connection.User.UserId, connections = new List<Connection>(1));
            connections.Add(connection);
        }
    }

    internal void Remove(Connection connection)
    {
        lock (_gate)
        {
            if (!_byId.Remove(connection.Id)) return;
            var connections = _byUser[connection.User.UserId];
            connections.Remove(connection);
            if (connections.Count == 0) _byUser.Remove(connection.User.UserId);
        }
    }
}
