namespace Chat.Realtime.Connections;

/// <summary>All open connections of this process.</summary>
public sealed class ConnectionRegistry
{
    private readonly Lock _gate = new();
    private readonly List<Connection> _all = [];
    // A user's newest connection, which leads to the others: nearly all users have one, for which a list of its own would be too much.
    private readonly Dictionary<string, Connection> _newestOfUser = [];
    private long _changes;

    public int Count
    {
        get { lock (_gate) return _all.Count; }
    }

    /// <summary>How many came and went, all together.</summary>
    internal long Changes => Interlocked.Read(ref _changes);

    /// <summary>A copy: the open connections of a user here, the oldest first.</summary>
    public IReadOnlyList<Connection> OfUser(string userId)
    {
        var connections = new List<Connection>();
        lock (_gate)
        {
            for (var connection = _newestOfUser.GetValueOrDefault(userId); connection is not null; connection = connection.OlderOfUser) connections.Add(connection);
        }
        connections.Reverse();
        return connections;
    }

    /// <summary>A copy: the users with an open connection here.</summary>
    public IReadOnlyList<string> Users()
    {
        lock (_gate) return [.. _newestOfUser.Keys];
    }

    /// <summary>A copy: every open connection here.</summary>
    internal Connection[] All()
    {
        lock (_gate) return [.. _all];
    }

    internal void Add(Connection connection)
    {
        lock (_gate)
        {
            _changes++;
            connection.Place = _all.Count;
            _all.Add(connection);
            connection.OlderOfUser = _newestOfUser.GetValueOrDefault(connection.User.UserId);
            _newestOfUser[connection.User.UserId] = connection;
        }
    }

    internal void Remove(Connection connection)
    {
        lock (_gate)
        {
            if (connection.Place < 0) return;
            _changes++;
            var last = _all[^1];
            _all[connection.Place] = last;
            last.Place = connection.Place;
            _all.RemoveAt(_all.Count - 1);
            connection.Place = -1;
            RemoveOfUser(connection);
        }
    }

    private void RemoveOfUser(Connection connection)
    {
        var newer = _newestOfUser[connection.User.UserId];
        if (newer != connection)
        {
            while (newer.OlderOfUser != connection) newer = newer.OlderOfUser!;
            newer.OlderOfUser = connection.OlderOfUser;
        }
        else if (connection.OlderOfUser is { } older) _newestOfUser[connection.User.UserId] = older;
        else _newestOfUser.Remove(connection.User.UserId);
        connection.OlderOfUser = null;
    }
}
