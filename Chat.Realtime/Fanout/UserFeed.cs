using Chat.Contracts;
using Chat.Data.History;
using Chat.Data.Numbering;
using Chat.Realtime.Connections;
using Chat.Realtime.Fanout.PubSub;
using StackExchange.Redis;

namespace Chat.Realtime.Fanout;

/// <summary>
/// What a user's own channel brings to the user's connections on this node: direct messages, each room's in order and without holes, and what is
/// delivered live or not at all. A connection that is subscribed to a direct room gets its messages from there and not from here.
/// </summary>
internal sealed partial class UserFeed(string userId, UserFeeds feeds)
{
    private static readonly Dictionary<string, long> NoHeads = [];

    // Replaced and never changed, so that who delivers needs no lock: a direct room delivers under its own one, and is found and started under that of the feed. The feed
    // is its own lock, since every user online has one, and keeps nothing that most users have no need for.
    private volatile Connection[] _connections = [];
    private Dictionary<string, DirectRoom>? _direct;
    private Dictionary<string, long>? _heads; // where the direct rooms stood when the feed began; null until that is known
    private ChannelSubscription? _channel;
    private Task<ChannelSubscription>? _subscribing; // the attempt to have the channel, until there is one
    private bool _failed;

    public string UserId { get; } = userId;

    /// <summary>When the last connection left. Belongs to <see cref="UserFeeds"/>.</summary>
    public long EmptySince { get; set; }

    /// <summary>Connections and those that are about to be. Belongs to <see cref="UserFeeds"/>.</summary>
    public int Holders { get; set; }

    /// <summary>The channel is subscribed, and where the direct rooms stood is known.</summary>
    public bool IsListening
    {
        get { lock (this) return _channel is not null && _heads is not null; }
    }

    public void Add(Connection connection)
    {
        lock (this) _connections = [.. _connections, connection];
    }

    public void Remove(Connection connection)
    {
        lock (this) _connections = Array.FindAll(_connections, other => other != connection);
    }

    /// <summary>
    /// Subscribes the channel and reads where the direct rooms stand, unless that is done; throws when Redis cannot be reached. Connections that were let in
    /// without a channel are told to come again once there is one: nobody knows what they missed.
    /// </summary>
    public async Task ListenAsync()
    {
        Task<ChannelSubscription>? subscribing = null;
        lock (this)
        {
            if (IsListening) return;
            if (_channel is null)
            {
                if (_subscribing is null or { IsFaulted: true })
                    _subscribing = feeds.Subscribers.SubscribeAsync(RedisKeys.UserChannel(UserId), this, static (feed, message) => ((UserFeed)feed).Receive(message));
                subscribing = _subscribing;
            }
        }
        Dictionary<string, long> heads;
        ChannelSubscription? channel;
        try
        {
            channel = subscribing is null ? null : await subscribing;
            heads = await ReadHeadsAsync();
        }
        catch
        {
            lock (this) _failed = true;
            throw;
        }
        bool missed;
        lock (this)
        {
            if (channel is not null) (_channel, _subscribing) = (channel, null);
            if (_heads is not null) return;
            _heads = heads;
            missed = _failed;
            foreach (var (roomId, room) in _direct ?? []) room.StartAt(heads.GetValueOrDefault(roomId));
        }
        if (!missed) return;
        foreach (var connection in _connections) connection.Close(CloseCodes.ServiceRestart, "direct messages may have been missed");
    }

    /// <summary>Compares every direct room with its head: something may have been missed.</summary>
    public async Task CompareHeadsAsync()
    {
        await ListenAsync();
        foreach (var (roomId, head) in await ReadHeadsAsync()) Follow(roomId).CompareHead(head, sure: true);
    }

    /// <summary>Takes numbered events of a direct room.</summary>
    public void Offer(string roomId, IReadOnlyList<RoomFrame> frames) => Follow(roomId).Offer(frames);

    /// <summary>
    /// Up to which direct message of the room the feed has served the connection of a subscription that has just been put in place; null when that is not known.
    /// </summary>
    public long? ServedUpTo(Subscription subscription) => Follow(subscription.Room.RoomId).ServedUpTo(subscription);

    /// <summary>To the connections that are not subscribed to the room.</summary>
    public void Deliver(string roomId, EncodedEvents events)
    {
        var left = 0;
        foreach (var connection in _connections)
            if (!connection.Subscriptions.PassOver(roomId, events.SeqOf(0))) left += connection.TrySend(events);
        feeds.Metrics.Delivered(left, events.AcceptedAtMsOf(0), feeds.Time.GetUtcNow());
    }

    /// <summary>To the connections that are not subscribed to the room: its numbering restarted.</summary>
    public void Resync(string roomId, ReadOnlyMemory<byte> envelope)
    {
        foreach (var connection in _connections)
            if (!connection.Subscriptions.Contains(roomId)) connection.TrySend(envelope);
    }

    public async Task CloseAsync()
    {
        try
        {
            var channel = _channel ?? (_subscribing is { } subscribing ? await subscribing : null);
            channel?.Unsubscribe();
        }
        catch (Exception e) when (e is RedisException or TimeoutException or ObjectDisposedException)
        {
            Log.NotSubscribed(feeds.FeedLogger, UserId, e.Message);
        }
        DirectRoom[] direct;
        lock (this) direct = [.. (_direct ?? []).Values];
        foreach (var room in direct) await room.StopAsync();
    }

    private DirectRoom Follow(string roomId)
    {
        lock (this)
        {
            _direct ??= [];
            if (_direct.TryGetValue(roomId, out var room)) return room;
            room = new DirectRoom(this, roomId, feeds.History, feeds.Metrics, feeds.Time, feeds.FeedLogger, feeds.Stopping);
            if (_heads is not null) room.StartAt(_heads.GetValueOrDefault(roomId));
            _direct.Add(roomId, room);
            return room;
        }
    }

    private async Task<Dictionary<string, long>> ReadHeadsAsync()
    {
        // Over the library: those of thousands of direct rooms are not read on the event loop.
        var entries = await feeds.Redis.GetDatabase().HashGetAllAsync(RedisKeys.DirectHeads(UserId));
        return entries.Length == 0 ? NoHeads : entries.ToDictionary(entry => entry.Name.ToString(), entry => (long)entry.Value);
    }

    private void Receive(ReadOnlyMemory<byte> message)
    {
        try
        {
            if (RoomFrames.TryParseDirect(message, out var roomId, out var frames)) Offer(roomId, frames);
            else ReceiveEphemeral(message);
        }
        catch (Exception e) when (e is FormatException or System.Text.Json.JsonException)
        {
            Log.Unreadable(feeds.FeedLogger, e, UserId);
        }
    }

    private void ReceiveEphemeral(ReadOnlyMemory<byte> envelope)
    {
        if (Envelopes.HeadOf(envelope.Span) is (EventTypes.Unsubscribed, { } roomId))
        {
            // Away from the event loop: a large room's lock is held for as long as it sends.
            ThreadPool.UnsafeQueueUserWorkItem(static ended => ended.Feed.EndSubscriptions(ended.RoomId, ended.Envelope), (Feed: this, RoomId: roomId, Envelope: envelope), preferLocal: false);
            return;
        }
        foreach (var connection in _connections) connection.TrySendEphemeral(envelope);
    }

    private void EndSubscriptions(string roomId, ReadOnlyMemory<byte> envelope)
    {
        foreach (var connection in _connections)
        {
            feeds.Rooms.Leave(connection, roomId);
            connection.TrySend(envelope);
        }
    }

    private static partial class Log
    {
        [LoggerMessage(1040, LogLevel.Debug, "The channel of user {UserId} had not been subscribed: {Reason}")]
        public static partial void NotSubscribed(ILogger logger, string userId, string reason);

        [LoggerMessage(1041, LogLevel.Error, "User {UserId} got a message that is neither numbered events nor an envelope")]
        public static partial void Unreadable(ILogger logger, Exception exception, string userId);
    }
}
