using System.Text;
using Chat.Contracts;
using Chat.Data.Numbering;
using Chat.ServiceDefaults.Kafka;
using Chat.Tests.Backends;
using Chat.Tests.Numbering;
using Microsoft.Extensions.Logging.Abstractions;

namespace Chat.Tests.Persister;

/// <summary>The servers that a persister stands on, with a Redis and a broker of the test's own, and what a test asks of them.</summary>
internal sealed class PersisterServers(RedisTestServer redis, KafkaTestServer kafka, RoomStore store) : IAsyncDisposable
{
    private static readonly TimeSpan Wait = TimeSpan.FromSeconds(60);

    public RedisTestServer Redis { get; } = redis;

    public KafkaTestServer Kafka { get; } = kafka;

    public RoomStore Store { get; } = store;

    public TestLog Log { get; } = new(kafka.ConnectionString);

    public static async Task<PersisterServers> StartAsync(Func<string, Task<RoomStore>> openStore)
    {
        var redis = await RedisFixture.StartServerAsync();
        var kafka = await KafkaFixture.StartServerAsync();
        await LogTopicSetup.EnsureAsync(kafka.ConnectionString, NullLogger.Instance, CancellationToken.None).WaitAsync(Wait);
        return new PersisterServers(redis, kafka, await openStore(redis.ConnectionString));
    }

    public Task<PersisterProcess> StartPersisterAsync(params (string Key, string Value)[] settings) =>
        PersisterProcess.StartAsync(Kafka.ConnectionString, Redis.ConnectionString, Store.DatabaseConnection, settings);

    /// <summary>A persister whose stages the test calls.</summary>
    public PersisterProcess BuildPersister(params (string Key, string Value)[] settings) =>
        PersisterProcess.Build(Kafka.ConnectionString, Redis.ConnectionString, Store.DatabaseConnection, settings);

    /// <summary>Waits until Postgres has as many events of the room.</summary>
    public async Task<IReadOnlyList<NumberedEvent>> WaitForRowsAsync(string room, int count)
    {
        IReadOnlyList<NumberedEvent> rows = [];
        await PollAsync(async () => (rows = await ReadRowsAsync(room)).Count >= count, () => $"{count} events of {room} in Postgres, where there are {rows.Count}");
        return rows;
    }

    public Task<IReadOnlyList<NumberedEvent>> ReadRowsAsync(string room) => Store.Stored.ReadOldestAsync(room, 0, long.MaxValue, 100_000, CancellationToken.None);

    /// <summary>Postgres has exactly these events, in the order of their numbers and without a hole.</summary>
    public async Task AssertPersistedAsync(string room, IReadOnlyList<PendingEvent> events)
    {
        var rows = await WaitForRowsAsync(room, events.Count);
        // From 1 on, or from the first number of a later epoch: on a busy machine the first one may have been discarded.
        Assert.Equal(1, rows[0].Seq % (1L << 32));
        Assert.Equal(Enumerable.Range(0, events.Count).Select(i => rows[0].Seq + i), rows.Select(row => row.Seq));
        Assert.Equal(events.Select(TextOf).Order(), rows.Select(TextOf).Order());
    }

    /// <summary>All that was logged so far has been looked at.</summary>
    public Task WaitForLogAsync(string room, long records) =>
        PollAsync(async () => await PositionAsync(room) >= records, () => $"the log position of {room} at {records}");

    public async Task<long> PositionAsync(string room)
    {
        await using var command = Store.Database.CreateCommand($"SELECT COALESCE(max(next_offset), 0) FROM log_positions WHERE partition = {LogTopics.PartitionOf(room)}");
        return (long)(await command.ExecuteScalarAsync())!;
    }

    public async Task ExecuteAsync(string sql)
    {
        await using var command = Store.Database.CreateCommand(sql);
        await command.ExecuteNonQueryAsync();
    }

    /// <summary>Asks again and again, also over a server that is away, until it is so.</summary>
    public static async Task PollAsync(Func<Task<bool>> isThere, Func<string> expected)
    {
        var deadline = DateTime.UtcNow + Wait;
        while (true)
        {
            try
            {
                if (await isThere())
                    return;
            }
            catch (ChatException) when (DateTime.UtcNow < deadline)
            {
                // A server is away and comes back.
            }
            if (DateTime.UtcNow > deadline)
                throw new TimeoutException($"Expected within {Wait.TotalSeconds} s: {expected()}");
            await Task.Delay(25);
        }
    }

    public static string TextOf(PendingEvent e) => Encoding.UTF8.GetString(e.Body.Span);

    public static string TextOf(NumberedEvent e) => Encoding.UTF8.GetString(e.Body.Span);

    public async ValueTask DisposeAsync()
    {
        Log.Dispose();
        await Store.DisposeAsync();
        await Kafka.DisposeAsync();
        await Redis.DisposeAsync();
    }
}

/// <summary>One set of servers for a class whose tests only need rooms of their own.</summary>
public sealed class PersisterServersFixture(PostgresFixture postgres) : IAsyncLifetime
{
    internal PersisterServers Servers { get; private set; } = null!;

    public async ValueTask InitializeAsync() =>
        Servers = await PersisterServers.StartAsync(async redis => await RoomStore.OpenAsync(redis, await postgres.CreateDatabaseAsync()));

    public ValueTask DisposeAsync() => Servers.DisposeAsync();
}
