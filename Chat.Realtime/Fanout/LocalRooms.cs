using Chat.Contracts;
using Chat.Data.History;
using Chat.Data.Numbering;
using Chat.Realtime.Access;
using Chat.Realtime.Connections;

namespace Chat.Realtime.Fanout;

/// <summary>
/// The rooms that have members on this node. A room is there while somebody holds it, and a little longer: people come back.
/// </summary>
internal sealed class LocalRooms(
    RedisSubscribers subscribers, RoomHistory history, RoomAccess access, NodeMetrics metrics, TimeProvider time, ILogger<LocalRoom> logger, IHostApplicationLifetime lifetime)
{
    private static readonly TimeSpan Linger = TimeSpan.FromSeconds(5);
    private readonly Lock _gate = new();
    private readonly Dictionary<string, LocalRoom> _rooms = [];

    // What every room works with.
    public RedisSubscribers Subscribers => subscribers;
    public RoomHistory History => history;
    public RoomAccess Access => access;
    public NodeMetrics Metrics => metrics;
    public TimeProvider Time => time;
    public ILogger<LocalRoom> RoomLogger => logger;
    public CancellationToken Stopping { get; } = lifetime.ApplicationStopped;

    /// <summary>The room, held for the caller until <see cref="Release"/>; made when it is not there.</summary>
    public LocalRoom Hold(string roomId)
    {
        lock (_gate)
        {
            if (!_rooms.TryGetValue(roomId, out var room))
            {
                room = new LocalRoom(roomId, this);
                _rooms.Add(roomId, room);
            }
            room.Holders++;
            return room;
        }
    }

    /// <summary>One holder less.</summary>
    public void Release(LocalRoom room)
    {
        lock (_gate)
        {
            if (--room.Holders == 0) room.EmptySince = time.GetTimestamp();
        }
    }

    /// <summary>Offers events that this node has numbered to the room, if it is here.</summary>
    public void Offer(string roomId, IReadOnlyList<RoomFrame> frames)
    {
        LocalRoom? room;
        lock (_gate) _rooms.TryGetValue(roomId, out room);
        room?.Offer(frames);
    }

    /// <summary>
    /// Ends the connection's subscription of the room; false when there is none. That of a direct room only falls silent (<see cref="Subscription.IsMuted"/>).
    /// </summary>
    public bool Leave(Connection connection, string roomId)
    {
        if (connection.Subscriptions.Find(roomId) is not { } subscription) return false;
        return RoomIds.IsDirect(roomId) ? subscription.Room.Mute(subscription) : End(subscription);
    }

    /// <summary>Ends a muted subscription to make place for another one; false when there is none. A direct message that is just under way may then come twice.</summary>
    public bool EndMuted(Connection connection) =>
        connection.Subscriptions.All().FirstOrDefault(subscription => subscription.IsMuted) is { } muted && End(muted);

    private bool End(Subscription subscription)
    {
        if (!subscription.Room.Leave(subscription)) return false;
        Release(subscription.Room);
        return true;
    }

    public void LeaveAll(Connection connection)
    {
        foreach (var subscription in connection.Subscriptions.All())
            if (subscription.Room.Leave(subscription)) Release(subscription.Room);
    }

    /// <summary>A copy: the rooms that are here.</summary>
    public LocalRoom[] All()
    {
        lock (_gate) return [.. _rooms.Values];
    }

    /// <summary>Takes out the rooms that nobody has held for a while; the caller closes them.</summary>
    public List<LocalRoom> TakeAbandoned()
    {
        lock (_gate)
        {
            var abandoned = _rooms.Values.Where(room => room.Holders == 0 && time.GetElapsedTime(room.EmptySince) > Linger).ToList();
            foreach (var room in abandoned) _rooms.Remove(room.RoomId);
            return abandoned;
        }
    }
}
