namespace Chat.Realtime.Fanout;

/// <summary>The subscriptions of one connection by room: at most one per room.</summary>
internal sealed class ConnectionSubscriptions
{
    private readonly Lock _gate = new();
    private Dictionary<string, Subscription>? _byRoom;

    public int Count
    {
        get { lock (_gate) return _byRoom?.Count ?? 0; }
    }

    /// <summary>
    /// True when the room's own fan-out serves this connection, so that the direct messages from <paramref name="seq"/> on, which the user's feed has just brought, are not for it.
    /// <see cref="Subscription.PassedOverFrom"/> remembers it.
    /// </summary>
    public bool PassOver(string roomId, long seq)
    {
        lock (_gate)
        {
            if (_byRoom?.GetValueOrDefault(roomId) is not { } subscription) return false;
            subscription.PassedOverFrom ??= seq;
            return true;
        }
    }

    public bool Contains(string roomId)
    {
        lock (_gate) return _byRoom is not null && _byRoom.ContainsKey(roomId);
    }

    /// <summary>Puts a subscription in the place of the one that the room had; the old one is handed back.</summary>
    public Subscription? Replace(Subscription subscription)
    {
        lock (_gate)
        {
            _byRoom ??= new Dictionary<string, Subscription>(1);
            _byRoom.Remove(subscription.Room.RoomId, out var old);
            _byRoom.Add(subscription.Room.RoomId, subscription);
            return old;
        }
    }

    /// <summary>Forgets exactly this subscription; false when it was replaced or is gone.</summary>
    public bool Remove(Subscription subscription)
    {
        lock (_gate)
        {
            return _byRoom is not null && _byRoom.TryGetValue(subscription.Room.RoomId, out var current) && ReferenceEquals(current, subscription)
                && _byRoom.Remove(subscription.Room.RoomId);
        }
    }

    public Subscription? Find(string roomId)
    {
        lock (_gate) return _byRoom?.GetValueOrDefault(roomId);
    }

    /// <summary>A copy.</summary>
    public Subscription[] All()
    {
        lock (_gate) return _byRoom is null ? [] : [.. _byRoom.Values];
    }
}
