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
