using Chat.Data;
using Chat.Realtime.Auth;
using Chat.Realtime.Connections;
using Chat.Realtime.Fanout;
using Chat.Realtime.Limits;
using Chat.Realtime.Nodes;
using Chat.Realtime.Presence;
using Chat.Realtime.Reading;
using Chat.Realtime.Redis;
using Chat.ServiceDefaults.Leases;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Npgsql;
using StackExchange.Redis;

namespace Chat.Tests.People;

/// <summary>One process of the platform, as far as people are concerned, with connections of its own to Redis and Postgres.</summary>
internal sealed class NodeProcess : IAsyncDisposable
{
    private readonly WebApplication _app;

    private NodeProcess(WebApplication app) => _app = app;

    public PresenceTracker Presence => Get<PresenceTracker>();

    public PresenceQuery Query => Get<PresenceQuery>();

    public ReadMarkers Markers => Get<ReadMarkers>();

    public string? LeaseId => Get<LeaseKeeper>().LeaseId;

    public static async Task<NodeProcess> StartAsync(string redis, string database, TimeProvider? time)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        builder.Logging.ClearProviders();
        builder.Services.AddSingleton(time ?? TimeProvider.System);
        builder.Services.AddSingleton<IConnectionMultiplexer>(_ => ConnectionMultiplexer.Connect(redis + ",abortConnect=false,asyncTimeout=2000,syncTimeout=2000"));
        builder.Services.AddSingleton(_ => NpgsqlDataSource.Create(database + ";Maximum Pool Size=5"));
        builder.Services.AddSingleton<ConnectionRegistry>();
        builder.Services.AddSingleton<AwayCommands>();
        builder.Services.AddSingleton<EachKey>();
        builder.Services.AddSingleton<LiveChannels>();
        builder.Services.AddRoomStore();
        builder.AddNodes();
        builder.AddPresence();
        builder.AddReading();
        builder.AddLimits();
        var process = new NodeProcess(builder.Build());
        await process._app.StartAsync();
        await Until.TrueAsync(() => process.LeaseId is not null, "the process announces itself");
        return process;
    }

    public T Get<T>() where T : notnull => _app.Services.GetRequiredService<T>();

    /// <summary>A device of the user connects here.</summary>
    public Connection Connect(string userId)
    {
        var connection = new Connection(Guid.NewGuid(), UserOf(userId));
        Presence.Connected(connection);
        return connection;
    }

    /// <summary>Stops in good order.</summary>
    public Task StopAsync() => _app.StopAsync();

    /// <summary>Ends as a killed process does: without a last word to Redis.</summary>
    public async Task KillAsync()
    {
        await Get<IConnectionMultiplexer>().CloseAsync(allowCommandsToComplete: false);
        await _app.DisposeAsync();
    }

    public ValueTask DisposeAsync() => _app.DisposeAsync();

    public static ConnectedUser UserOf(string userId) => new(userId, userId, userId.ToUpperInvariant(), false, null, DateTimeOffset.MaxValue);
}
