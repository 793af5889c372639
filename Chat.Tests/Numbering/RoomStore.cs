using System.Text;
using Chat.Contracts;
using Chat.Data;
using Chat.Data.History;
using Chat.Data.Model;
using Chat.Data.Numbering;
using Chat.Data.Writing;
using Chat.Tests.People;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Npgsql;
using StackExchange.Redis;

namespace Chat.Tests.Numbering;

/// <summary>One process' numbering and history over a Redis and a database of the test's own.</summary>
public sealed class RoomStore : IAsyncDisposable
{
    private readonly ServiceProvider _services;

    private RoomStore(string redis, string database)
    {
        RedisConnection = redis;
        DatabaseConnection = database;
        _services = new ServiceCollection()
            .AddLogging()
            .AddSingleton(TimeProvider.System)
            .AddSingleton<IConnectionMultiplexer>(_ => ConnectionMultiplexer.Connect(redis + ",allowAdmin=true,abortConnect=false,syncTimeout=2000,asyncTimeout=2000,connectRetry=1"))
            .AddSingleton(_ => NpgsqlDataSource.Create(database))
            .AddDbContext<ChatDb>(options => options.UseNpgsql(database))
            .AddSingleton<MigrationRunner>()
            .AddRoomStore()
            .BuildServiceProvider();
    }

    public string RedisConnection { get; }
    public string DatabaseConnection { get; }
    public IConnectionMultiplexer Multiplexer => Get<IConnectionMultiplexer>();
    public IDatabase Redis => Multiplexer.GetDatabase();
    public NpgsqlDataSource Database => Get<NpgsqlDataSource>();
    public RoomNumbering Numbering => Get<RoomNumbering>();
    public RoomHistory History => Get<RoomHistory>();
    public HotStream Hot => Get<HotStream>();
    public EventStore Stored => Get<EventStore>();
    public EpochStore Epochs => Get<EpochStore>();

    /// <summary>A process on a migrated database.</summary>
    public static async Task<RoomStore> OpenAsync(string redis, string database)
    {
        var store = new RoomStore(redis, database);
        await store.Get<MigrationRunner>().RunAsync(CancellationToken.None).WaitAsync(TimeSpan.FromSeconds(60));
        return store;
    }

    /// <summary>Another process on the same servers.</summary>
    public Task<RoomStore> OpenAnotherAsync() => OpenAsync(RedisConnection, DatabaseConnection);

    public IServiceProvider Services => _services;

    public T Get<T>() where T : notnull => _services.GetRequiredService<T>();

    public static string NewRoom() => "room-" + Guid.NewGuid().ToString("N")[..12];

    public static PendingEvent Event(string content = "hello", long access = 0, Guid? id = null, params Guid[] otherIds)
    {
        var eventId = id ?? Guid.NewGuid();
        var body = $$"""{"event_type":"chat_message","event_id":"{{eventId}}","sender_id":"alice","content":"{{content}}","timestamp":"2026-11-24T09:31:07.123Z"}""";
        return new PendingEvent(eventId, otherIds, access, 1_795_512_667_123, Encoding.UTF8.GetBytes(body));
    }

    /// <summary>The same events until they are numbered: whether a try that failed has numbered them nobody knows.</summary>
    public async Task<IReadOnlyList<EventNumber>> NumberSoonAsync(string room, params PendingEvent[] events)
    {
        IReadOnlyList<EventNumber>? numbers = null;
        await Until.TrueAsync(async () =>
        {
            try
            {
                numbers = await NumberAsync(room, events);
                return true;
            }
            catch (NumberingUnavailableException)
            {
                return false;
            }
        }, "the events have numbers", within: TimeSpan.FromSeconds(60));
        return numbers!;
    }

    /// <summary>Numbers as a node does, where a persister has caught up already.</summary>
    public async Task<IReadOnlyList<EventNumber>> NumberAsync(string room, params PendingEvent[] events)
    {
        var numbers = Numbering.NumberAsync(room, 0, events, CancellationToken.None).WaitAsync(TimeSpan.FromSeconds(30));
        while (await Task.WhenAny(numbers, Task.Delay(20)) != numbers)
            await OpenPartitionsAsync();
        return await numbers;
    }

    /// <summary>Opens all partitions in the current epoch, as a persister that has nothing to number again.</summary>
    public async Task OpenPartitionsAsync()
    {
        var ranges = Enumerable.Range(0, LogTopics.Partitions).Select(partition => new LogRange(partition, 0, 0)).ToList();
        try
        {
            await using var command = Database.CreateCommand("SELECT current_epoch FROM numbering");
            if (await command.ExecuteScalarAsync() is int epoch)
                await LogPositions.OpenAsync(Database, epoch, ranges, CancellationToken.None);
        }
        catch (NpgsqlException)
        {
            // Postgres is away: the test has taken it, and nothing is opened.
        }
    }

    /// <summary>Numbers <paramref name="count"/> fresh events and answers their contents' order.</summary>
    public async Task<IReadOnlyList<EventNumber>> FillAsync(string room, int count) =>
        await NumberAsync(room, [.. Enumerable.Range(1, count).Select(i => Event($"event {i}"))]);

    /// <summary>What Redis answers after it lost everything: no data, but still the scripts, or with <paramref name="scripts"/> neither.</summary>
    public async Task LoseRedisAsync(bool scripts = false)
    {
        await Redis.ExecuteAsync("FLUSHALL");
        if (scripts)
            await Redis.ExecuteAsync("SCRIPT", "FLUSH");
    }

    /// <summary>Copies what the hot stream has into Postgres and marks it, as the persister does.</summary>
    public Task PersistAsync(string room) => StandInPersister.CopyAsync(_services, room);

    public static long FirstOf(int epoch) => epoch * ProtocolLimits.NumbersPerEpoch + 1;

    public async ValueTask DisposeAsync() => await _services.DisposeAsync();
}
