namespace Chat.Realtime.Fanout;

/// <summary>The subscriptions of one connection by room: at most one per room. Locks itself, for the connection too.</summary>
internal sealed class ConnectionSubscriptions
{
    // Most connections have one subscription; a dictionary is made for the second and takes several times the memory.
    private Subscription? _only;
    private Dictionary<string, Subscription>? _byRoom;

    public int Count
    {
        get { lock (this) return _byRoom?.Count ?? (_only is null ? 0 : 1); }
    }

    /// <summary>
    /// True when the room's own fan-out serves this connection, so that the direct messages from <paramref name="seq"/> on, which the user's feed has just brought, are not for it.
    /// <see cref="Subscription.PassedOverFrom"/> remembers it.
    /// </summary>
    public bool PassOver(string roomId, long seq)
    {
        lock (this)
        {
            if (Find(roomId) is not { } subscription) return false;
            subscription.PassedOverFrom ??= seq;
            return true;
        }
    }

    public bool Contains(string roomId) => Find(roomId) is not null;

    /// <summary>Puts a subscription in the place of the one that the room had; the old one is handed back.</summary>
    public Subscription? Replace(Subscription subscription)
    {
        lock (this)
        {
            var old = Find(subscription.Room.RoomId);
            if (_byRoom is null && (_only is null || old is not null)) _only = subscription;
            else
            {
                if (_byRoom is null)
                {
                    _byRoom = new Dictionary<string, Subscription> { [_only!.Room.RoomId] = _only };
                    _only = null;
                }
                _byRoom[subscription.Room.RoomId] = subscription;
            }
            return old;
        }
    }

    /// <summary>Forgets exactly this subscription; false when it was replaced or is gone.</summary>
    public bool Remove(Subscription subscription)
    {
        lock (this)
        {
            if (Find(subscription.Room.RoomId) != subscription) return false;
            _only = null;
            _byRoom?.Remove(subscription.Room.RoomId);
            return true;
        }
    }

    public Subscription? Find(string roomId)
    {
        lock (this)
        {
            if (_byRoom is not null) return _byRoom.GetValueOrDefault(roomId);
            return _only?.Room.RoomId == roomId ? _only : null;
        }
    }

    /// <summary>A copy.</summary>
    public Subscription[] All()
    {
        lock (this)
        {
            if (_byRoom is not null) return [.. _byRoom.Values];
            return _only is null ? [] : [_only];
        }
    }
}
