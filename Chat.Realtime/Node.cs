using Chat.Data;
using Chat.Data.Model;
using Chat.Realtime.Access;
using Chat.Realtime.Accounts;
using Chat.Realtime.Auth;
using Chat.Realtime.Commands;
using Chat.Realtime.Connections;
using Chat.Realtime.Fanout;
using Chat.Realtime.Outbox;
using Chat.Realtime.Publishing;
using Chat.ServiceDefaults;

namespace Chat.Realtime;

/// <summary>The node put together, in the order in which an event travels. Tests start the same node inside their own process.</summary>
internal static class Node
{
    public static WebApplication Build(WebApplicationBuilder builder)
    {
        builder.AddServiceDefaults();
        builder.AddRedisClient(RedisSubscribers.ConnectionName, settings => settings.DisableHealthChecks = true, RedisSubscribers.FailFast);
        builder.AddNpgsqlDataSource("chatdb");
        builder.AddNpgsqlDbContext<ChatDb>("chatdb", settings => settings.DisableHealthChecks = true);
        // A query string may hold a token or a ticket, and the framework logs whole request lines.
        builder.Logging.AddFilter("Microsoft.AspNetCore.Hosting.Diagnostics", LogLevel.Warning);

        builder.AddNodeBasics();
        builder.AddAuth();
        builder.AddAccounts();
        builder.AddConnections();
        builder.AddCommands();
        builder.AddAccess();
        builder.AddPublishing();
        builder.AddOutbox();
        builder.AddFanout();
        builder.AddPeople();

        var app = builder.Build();
        app.UseTrustedProxy();
        WebSocketEndpoint.Map(app);
        app.MapDefaultEndpoints();
        return app;
    }

    private static void AddNodeBasics(this WebApplicationBuilder builder)
    {
        builder.Services.AddSingleton(TimeProvider.System);
        builder.Services.AddSingleton<NodeMetrics>();
        builder.Services.AddRoomStore();
        builder.Services.AddSingleton<MigrationRunner>();
        builder.Services.AddHostedService<MigrationAtStart>();
        builder.Services.AddHealthChecks().AddCheck<RedisHealth>("redis").AddCheck<LogHealth>("kafka");
    }

    private static void AddPeople(this WebApplicationBuilder builder)
    {
        builder.Services.AddSingleton<Nodes.NodeIdentity>();
        builder.Services.AddSingleton<Presence.PresenceTracker>();
        builder.Services.AddSingleton<Presence.PresenceQuery>();
        builder.Services.AddSingleton<Presence.TypingRelay>();
        builder.Services.AddSingleton<Reading.ReadMarkers>();
        builder.Services.AddSingleton<Limits.RateLimiter>();
    }
}
