using System.Diagnostics;
using Chat.Contracts;
using Chat.Realtime.Connections;
using Chat.Realtime.Fanout;
using MessagePack;
using MessagePack.Resolvers;
using Microsoft.AspNetCore.SignalR;
using Microsoft.Extensions.Options;
using StackExchange.Redis;

namespace Chat.Realtime.Hub;

/// <summary>The second front door: the hub with its two protocols and its backplane.</summary>
internal static class HubServices
{
    public const string Path = "/hubs/chat";

    public static void AddChatHub(this IHostApplicationBuilder builder)
    {
        // A refused command is no fault of the node, and what is one, the dispatcher of commands has logged.
        builder.Logging.AddFilter("Microsoft.AspNetCore.SignalR.Internal.DefaultHubDispatcher", LogLevel.None);
        builder.Services.AddSingleton<HubSessions>();
        builder.Services.AddSingleton<HubAdmission>();
        builder.Services.AddSignalR()
            .AddMessagePackProtocol(options => options.SerializerOptions = MessagePackSerializerOptions.Standard
                .WithResolver(CompositeResolver.Create([new HubPayloadFormatter()], [StandardResolver.Instance]))
                .WithSecurity(MessagePackSecurity.UntrustedData))
            // A connection of its own, which the backplane ends when it stops.
            .AddStackExchangeRedis(builder.Configuration.GetConnectionString(RedisSubscribers.ConnectionName)!, options =>
            {
                RedisSubscribers.FailFast(options.Configuration);
                options.Configuration.ClientName = "chat-realtime-hub";
                options.Configuration.ChannelPrefix = RedisChannel.Literal("hub");
                options.ConnectionFactory = _ => ConnectBackplaneAsync(options.Configuration);
            });
        builder.Services.AddOptions<HubOptions<ChatHub>>().Configure<IOptions<ConnectionOptions>>((hub, connections) =>
        {
            hub.MaximumReceiveMessageSize = ProtocolLimits.MaxMessageBytes;
            hub.MaximumParallelInvocationsPerClient = connections.Value.MaxCommandsInFlight;
            hub.ClientTimeoutInterval = connections.Value.SilenceTimeout;
            hub.KeepAliveInterval = TimeSpan.FromMilliseconds(ProtocolLimits.HeartbeatMs);
            hub.HandshakeTimeout = TimeSpan.FromSeconds(10);
        });
        builder.Services.AddSingleton<HubLifetimeManager<ChatHub>, HubConnections>();
    }

    /// <summary>
    /// A connection over which what is said to all already comes. The backplane subscribes once, when it has a connection, and looks at the outcome no more: had that failed,
    /// this node's clients would never hear a word again. Whoever needs the backplane next tries again when this throws.
    /// </summary>
    /// <exception cref="RedisException">Redis cannot be reached.</exception>
    /// <exception cref="TimeoutException">Redis does not answer.</exception>
    private static async Task<IConnectionMultiplexer> ConnectBackplaneAsync(ConfigurationOptions options)
    {
        var connection = await ConnectionMultiplexer.ConnectAsync(options);
        var connected = Stopwatch.GetTimestamp();
        try
        {
            while (true)
            {
                try
                {
                    // The backplane's own channel: subscribing to it again needs no call to Redis, and so cannot fail.
                    await connection.GetSubscriber().SubscribeAsync(RedisChannel.Literal($"{typeof(ChatHub).FullName}:all"), (_, _) => { });
                    return connection;
                }
                catch (RedisConnectionException) when (Stopwatch.GetElapsedTime(connected) < TimeSpan.FromMilliseconds(options.ConnectTimeout))
                {
                    // The library subscribes over a second connection, which may be there a moment after the first.
                    await Task.Delay(Random.Shared.Next(20, 60));
                }
            }
        }
        catch
        {
            await connection.DisposeAsync();
            throw;
        }
    }

    public static void MapChatHub(this WebApplication app)
    {
        app.UseWhen(context => context.Request.Path.StartsWithSegments(Path), hub => hub.Use(app.Services.GetRequiredService<HubAdmission>().HandleAsync));
        app.MapHub<ChatHub>(Path, options =>
        {
            options.ApplicationMaxBufferSize = ProtocolLimits.MaxMessageBytes;
            options.TransportMaxBufferSize = 2 * ProtocolLimits.MaxMessageBytes;
        });
    }
}
