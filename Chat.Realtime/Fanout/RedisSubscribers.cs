using StackExchange.Redis;

namespace Chat.Realtime.Fanout;

/// <summary>
/// The node's subscriber connections to Redis, apart from the one that commands use: one for durable events and the channels of users, one for
/// ephemeral events, so that a flood of those cannot disconnect the durable stream. Messages of one channel are handled one after another, in
/// the order of their publication. A connection that was lost subscribes again by itself; what was published meanwhile is lost, and
/// <see cref="Restored"/> says when to look for it.
/// </summary>
internal sealed class RedisSubscribers(IConfiguration configuration, ILoggerFactory loggers) : IHostedService, IAsyncDisposable
{
    public const string ConnectionName = "redis";

    private ConnectionMultiplexer? _durable;
    private ConnectionMultiplexer? _ephemeral;

    /// <summary>The durable connection is back after a loss, or channels moved to another server of a cluster.</summary>
    public event Action? Restored;

    public bool IsConnected => _durable is { IsConnected: true };

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

    public async Task StartAsync(CancellationToken cancellationToken)
    {
        _durable = await ConnectAsync("durable");
        _ephemeral = await ConnectAsync("ephemeral");
        _durable.ConnectionRestored += (_, restored) =>
        {
            if (restored.ConnectionType == ConnectionType.Subscription) Restored?.Invoke();
        };
        // The server that gives a slot away ends its subscriptions, and the library subscribes them where the slot is now.
        _durable.HashSlotMoved += (_, _) => Restored?.Invoke();
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <summary>Confirmed when it completes. Throws what the client library throws when Redis cannot be reached.</summary>
    public Task<ChannelMessageQueue> SubscribeAsync(string channel, Action<ReadOnlyMemory<byte>> handler) => SubscribeAsync(_durable, channel, handler);

    /// <summary>As <see cref="SubscribeAsync(string, Action{ReadOnlyMemory{byte}})"/>, over the connection for what may be lost.</summary>
    public Task<ChannelMessageQueue> SubscribeEphemeralAsync(string channel, Action<ReadOnlyMemory<byte>> handler) => SubscribeAsync(_ephemeral, channel, handler);

    private static async Task<ChannelMessageQueue> SubscribeAsync(ConnectionMultiplexer? connection, string channel, Action<ReadOnlyMemory<byte>> handler)
    {
        if (connection is null) throw new RedisException("The subscriber connections are not started.");
        var queue = await connection.GetSubscriber().SubscribeAsync(RedisChannel.Sharded(channel));
        queue.OnMessage(message => handler(message.Message));
        return queue;
    }

    private async Task<ConnectionMultiplexer> ConnectAsync(string purpose)
    {
        var text = configuration.GetConnectionString(ConnectionName)
            ?? throw new InvalidOperationException($"ConnectionStrings:{ConnectionName} is missing: give the address of a Redis server, e.g. 127.0.0.1:6379.");
        var options = ConfigurationOptions.Parse(text);
        FailFast(options);
        options.ClientName = $"chat-realtime-{purpose}";
        options.LoggerFactory = loggers;
        return await ConnectionMultiplexer.ConnectAsync(options);
    }

    public async ValueTask DisposeAsync()
    {
        if (_durable is not null) await _durable.DisposeAsync();
        if (_ephemeral is not null) await _ephemeral.DisposeAsync();
    }
}
