using Chat.Data.History;
using Chat.Data.Numbering;
using Chat.Realtime.Connections;
using StackExchange.Redis;

namespace Chat.Realtime.Fanout;

/// <summary>The feeds of the users who have a connection on this node: one channel per user, however many connections.</summary>
internal sealed partial class UserFeeds(
    RedisSubscribers subscribers, IConnectionMultiplexer redis, LocalRooms rooms, RoomHistory history, NodeMetrics metrics, TimeProvider time,
    ILogger<UserFeed> feedLogger, ILogger<UserFeeds> logger, IHostApplicationLifetime lifetime)
{
    private static readonly TimeSpan Linger = TimeSpan.FromSeconds(5);
    private readonly Lock _gate = new();
    private readonly Dictionary<string, UserFeed> _feeds = [];

    // What every feed works with.
    public RedisSubscribers Subscribers => subscribers;
    public IConnectionMultiplexer Redis => redis;
    public LocalRooms Rooms => rooms;
    public RoomHistory History => history;
    public NodeMetrics Metrics => metrics;
    public TimeProvider Time => time;
    public ILogger<UserFeed> FeedLogger => feedLogger;
    public CancellationToken Stopping { get; } = lifetime.ApplicationStopped;

    /// <summary>
    /// The connection gets what its user's channel brings. When Redis cannot be reached it stays without, until the fan-out's heartbeat has
    /// subscribed it: a connection is worth more than none.
    /// </summary>
    public async Task EnterAsync(Connection connection, CancellationToken cancellationToken)
    {
        UserFeed? feed;
        lock (_gate)
        {
            if (!_feeds.TryGetValue(connection.User.UserId, out feed))
            {
                feed = new UserFeed(connection.User.UserId, this);
                _feeds.Add(feed.UserId, feed);
            }
            feed.Holders++;
        }
        feed.Add(connection);
        try
        {
            await feed.ListenAsync().WaitAsync(cancellationToken);
        }
        catch (Exception e) when (e is RedisException or TimeoutException)
        {
            Log.NotListening(logger, feed.UserId, e.Message);
        }
    }

    public void Exit(Connection connection)
    {
        lock (_gate)
        {
            if (!_feeds.TryGetValue(connection.User.UserId, out var feed)) return;
            feed.Remove(connection);
            if (--feed.Holders == 0) feed.EmptySince = time.GetTimestamp();
        }
    }

    /// <summary>Offers events that this node has numbered to a user, if the user is here.</summary>
    public void Offer(string userId, string roomId, IReadOnlyList<RoomFrame> frames)
    {
        UserFeed? feed;
        lock (_gate) _feeds.TryGetValue(userId, out feed);
        feed?.Offer(roomId, frames);
    }

    /// <summary>As <see cref="UserFeed.ServedUpTo"/>.</summary>
    public long? ServedUpTo(Subscription subscription)
    {
        UserFeed? feed;
        lock (_gate) _feeds.TryGetValue(subscription.Connection.User.UserId, out feed);
        return feed?.ServedUpTo(subscription);
    }

    /// <summary>A copy.</summary>
    public UserFeed[] All()
    {
        lock (_gate) return [.. _feeds.Values];
    }

    /// <summary>Takes out the feeds that had no connection for a while; the caller closes them.</summary>
    public List<UserFeed> TakeAbandoned()
    {
        lock (_gate)
        {
            var abandoned = _feeds.Values.Where(feed => feed.Holders == 0 && time.GetElapsedTime(feed.EmptySince) > Linger).ToList();
            foreach (var feed in abandoned) _feeds.Remove(feed.UserId);
            return abandoned;
        }
    }

    private static partial class Log
    {
        [LoggerMessage(1042, LogLevel.Warning, "The channel of user {UserId} is not subscribed yet: {Reason}")]
        public static partial void NotListening(ILogger logger, string userId, string reason);
    }
}
