using Chat.Data;
using Chat.Data.Model;
using Chat.Realtime.Api;
using Chat.Realtime.Commands;
using Chat.Realtime.Connections;
using Chat.Realtime.Fanout;
using Chat.Realtime.Hub;
using Chat.Realtime.Limits;
using Chat.Realtime.Nodes;
using Chat.Realtime.Presence;
using Chat.Realtime.Publishing;
using Chat.Realtime.Reading;
using Chat.Realtime.Redis;
using Chat.Realtime.Transport;
using Chat.ServiceDefaults;

namespace Chat.Realtime;

/// <summary>The node put together, in the order in which an event travels. Tests start the same node inside their own process.</summary>
internal static class Node
{
    public static WebApplication Build(WebApplicationBuilder builder)
    {
        builder.AddServiceDefaults();
        builder.AddRedisClient(RedisSubscribers.ConnectionName, settings => settings.DisableHealthChecks = true, RedisSubscribers.FailFast);
        builder.AddNpgsqlDataSource("chatdb", settings => settings.ConnectionString = PostgresClient.Configure(settings.ConnectionString));
        builder.AddNpgsqlDbContext<ChatDb>("chatdb", settings =>
        {
            settings.ConnectionString = PostgresClient.Configure(settings.ConnectionString);
            settings.DisableHealthChecks = true;
        });

        builder.AddNodeBasics();
        builder.AddTransport();
        builder.AddConnections();
        builder.AddCommands();
        builder.AddChatHub();
        builder.AddLimits();
        builder.AddPublishing();
        builder.AddFanout();
        builder.AddNodes();
        builder.AddPresence();
        builder.AddReading();
        builder.AddChatApi();

        var app = builder.Build();
        app.UseTrustedProxy();
        WebSocketEndpoint.Map(app);
        app.MapChatHub();
        app.MapChatApi();
        app.MapDefaultEndpoints();
        return app;
    }

    private static void AddNodeBasics(this WebApplicationBuilder builder)
    {
        builder.Services.AddSingleton(TimeProvider.System);
        builder.Services.AddSingleton<NodeLifetime>();
        builder.Services.AddSingleton<IHostLifetime>(provider => provider.GetRequiredService<NodeLifetime>());
        builder.Services.AddSingleton<NodeMetrics>();
        builder.Services.AddRedisCommands();
        builder.Services.AddRoomStore();
        builder.Services.AddSingleton<SchemaAtStart>();
        builder.Services.AddHostedService(provider => provider.GetRequiredService<SchemaAtStart>());
        builder.Services.AddHealthChecks()
            .AddCheck<SchemaAtStart>("schema", tags: [HealthEndpoints.ReadyTag])
            .AddCheck<NumberingAtStart>("numbering", tags: [HealthEndpoints.ReadyTag])
            .AddCheck<RehearsalAtStart>("rehearsal", tags: [HealthEndpoints.ReadyTag])
            .AddCheck<DrainHealth>("drain", tags: [HealthEndpoints.ReadyTag])
            .AddCheck<RedisHealth>("redis")
            .AddCheck<LogHealth>("kafka");
    }
}
