using Chat.Realtime.Fanout.PubSub;
using Chat.Realtime.Transport;
using StackExchange.Redis;

namespace Chat.Realtime.Fanout;

/// <summary>
/// The node's subscriptions at Redis, over connections of their own: some for durable events and the channels of users, some for ephemeral events, so that a flood
/// of those cannot disconnect the durable stream. Messages of one channel are handled one after another, in the order of their publication. Channels that were
/// lost are subscribed again; what was published meanwhile is lost, and <see cref="Restored"/> says when to look for it.
/// </summary>
internal sealed class RedisSubscribers : IAsyncDisposable
{
    public const string ConnectionName = "redis";

    // Lanes share the work of many channels; more than a few only add connections.
    private const int MostLanes = 8;

    private readonly SubscriberLane[] _durable;
    private readonly SubscriberLane[] _ephemeral;

    public RedisSubscribers(IConfiguration configuration, IConnectionMultiplexer redis, EventLoop? loop, TimeProvider time, ILogger<RedisSubscribers> logger)
    {
        var text = configuration.GetConnectionString(ConnectionName)
            ?? throw new InvalidOperationException($"ConnectionStrings:{ConnectionName} is missing: give the address of a Redis server, e.g. 127.0.0.1:6379.");
        // Durable events are handed on where sockets are written. A large room's ephemeral ones are sent at once by whoever brings them, which would hold up all others there.
        _durable = Lanes("durable", loop, () => Restored?.Invoke());
        _ephemeral = Lanes("ephemeral", null, () => { });

        SubscriberLane[] Lanes(string purpose, EventLoop? on, Action restored)
        {
            var options = ConfigurationOptions.Parse(text);
            FailFast(options);
            options.ClientName = $"chat-realtime-{purpose}";
            var lanes = new SubscriberLane[Math.Clamp(Environment.ProcessorCount / 2, 1, MostLanes)];
            for (var i = 0; i < lanes.Length; i++) lanes[i] = new SubscriberLane(redis, options, on, restored, time, logger);
            return lanes;
        }
    }

    /// <summary>Durable channels are back after a loss, all that were lost together: their connection was, or they moved to another server of a cluster.</summary>
    public event Action? Restored;

    /// <summary>No durable channel is lost.</summary>
    public bool IsConnected => Array.TrueForAll(_durable, lane => lane.IsConnected);

    /// <summary>The settings by which every connection of the node to Redis fails fast instead of queueing.</summary>
    public static void FailFast(ConfigurationOptions options)
    {
        options.AbortOnConnectFail = false;
        options.AllowAdmin = true; // the client library counts INFO among the administrator's commands
        options.BacklogPolicy = BacklogPolicy.FailFast;
        options.ConnectTimeout = 2_000;
        options.AsyncTimeout = 2_000;
        options.SyncTimeout = 2_000;
        options.KeepAlive = 5;
        options.HeartbeatConsistencyChecks = true;
        options.ReconnectRetryPolicy = new ExponentialRetry(100, 1_000);
    }

    /// <summary>
    /// Opens the connections ahead of the first channel: right after a start thousands may come at once, and those who come first would wait for one that is opened behind all
    /// others' work.
    /// </summary>
    public void Open()
    {
        foreach (var lane in _durable.Concat(_ephemeral)) lane.Open();
    }

    /// <summary>Confirmed when it completes. Throws <see cref="RedisException"/> or <see cref="TimeoutException"/> when it could not be for two seconds.</summary>
    public Task<ChannelSubscription> SubscribeAsync(string channel, object listener, ChannelHandler handler) => LaneOf(_durable, channel).SubscribeAsync(channel, listener, handler);

    /// <summary>As <see cref="SubscribeAsync(string, object, ChannelHandler)"/>, over the connections for what may be lost.</summary>
    public Task<ChannelSubscription> SubscribeEphemeralAsync(string channel, object listener, ChannelHandler handler) => LaneOf(_ephemeral, channel).SubscribeAsync(channel, listener, handler);

    public async ValueTask DisposeAsync()
    {
        foreach (var lane in _durable.Concat(_ephemeral)) await lane.DisposeAsync();
    }

    private static SubscriberLane LaneOf(SubscriberLane[] lanes, string channel) => lanes[(uint)channel.GetHashCode(StringComparison.Ordinal) % (uint)lanes.Length];
}
