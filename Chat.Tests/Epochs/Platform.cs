using Chat.Contracts;
using Chat.Tests.Backends;
using Chat.Tests.Persister;
using Chat.Tests.Realtime;
using Npgsql;
using StackExchange.Redis;

namespace Chat.Tests.Epochs;

/// <summary>Two nodes and, when a test starts one, a persister, on servers of the test's own that it may hurt.</summary>
internal sealed class Platform : IAsyncDisposable
{
    private readonly RedisTestServer? _redis;
    private readonly PostgresTestServer? _ownPostgres;
    private PersisterProcess? _persister;

    private Platform(RedisTestServer? redis, KafkaTestServer kafka, PostgresTestServer? postgres, Backing backing, IReadOnlyList<TestNode> nodes) =>
        (_redis, Kafka, _ownPostgres, Backing, Nodes, Database) = (redis, kafka, postgres, backing, nodes, NpgsqlDataSource.Create(backing.Postgres));

    public RedisTestServer Redis => _redis ?? throw new InvalidOperationException("The platform runs on a cluster, which is the test's.");
    public KafkaTestServer Kafka { get; }
    public PostgresTestServer Postgres => _ownPostgres ?? throw new InvalidOperationException("Start the platform with a Postgres of its own.");
    public Backing Backing { get; }
    public IReadOnlyList<TestNode> Nodes { get; }
    public NpgsqlDataSource Database { get; }

    /// <summary>A platform on the shared Postgres, or on one of its own where <paramref name="shared"/> is null.</summary>
    public static async Task<Platform> StartAsync(PostgresFixture? shared, params (string Key, string Value)[] nodeSettings)
    {
        var redis = await RedisFixture.StartServerAsync();
        var kafka = await KafkaFixture.StartServerAsync();
        var own = shared is null ? await PostgresFixture.StartServerAsync() : null;
        var backing = new Backing(redis.ConnectionString, kafka.ConnectionString, await (shared?.CreateDatabaseAsync() ?? own!.CreateDatabaseAsync()));
        var nodes = await Task.WhenAll(TestNode.StartAsync(backing, nodeSettings), TestNode.StartAsync(backing, nodeSettings));
        return new Platform(redis, kafka, own, backing, nodes);
    }

    /// <summary>A platform on a cluster that belongs to the test.</summary>
    public static async Task<Platform> StartAsync(RedisCluster cluster, PostgresFixture shared, params (string Key, string Value)[] nodeSettings)
    {
        var kafka = await KafkaFixture.StartServerAsync();
        var backing = new Backing(cluster.ConnectionString, kafka.ConnectionString, await shared.CreateDatabaseAsync());
        var nodes = await Task.WhenAll(TestNode.StartAsync(backing, nodeSettings), TestNode.StartAsync(backing, nodeSettings));
        return new Platform(redis: null, kafka, postgres: null, backing, nodes);
    }

    public async Task StartPersisterAsync() => _persister = await PersisterProcess.StartAsync(Backing.Kafka, Backing.Redis, Backing.Postgres);

    public async Task StopPersisterAsync()
    {
        if (_persister is not { } persister) return;
        _persister = null;
        await persister.DisposeAsync();
    }

    /// <summary>Redis forgets everything and goes on.</summary>
    public async Task EmptyRedisAsync()
    {
        await using var admin = await ConnectionMultiplexer.ConnectAsync(Redis.ConnectionString + ",allowAdmin=true");
        await admin.GetServers()[0].FlushAllDatabasesAsync();
    }

    /// <summary>The epoch that is current in Postgres.</summary>
    public async Task<int> EpochAsync()
    {
        await using var command = Database.CreateCommand("select current_epoch from numbering where shard = 0");
        return (int)(await command.ExecuteScalarAsync())!;
    }

    /// <summary>What Postgres has of a room: contents of its chat messages in the order of their numbers.</summary>
    public async Task<IReadOnlyList<(long Seq, int Epoch, string Content)>> RowsAsync(string roomId)
    {
        await using var command = Database.CreateCommand("select seq, epoch, body::json ->> 'content' from events where room_id = $1 and event_type = $2 order by seq");
        command.Parameters.AddWithValue(roomId);
        command.Parameters.AddWithValue(EventTypes.ChatMessage);
        await using var reader = await command.ExecuteReaderAsync();
        var rows = new List<(long, int, string)>();
        while (await reader.ReadAsync()) rows.Add((reader.GetInt64(0), reader.GetInt32(1), reader.GetString(2)));
        return rows;
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var node in Nodes) await node.DisposeAsync();
        await StopPersisterAsync();
        await Database.DisposeAsync();
        await Kafka.DisposeAsync();
        if (_redis is not null) await _redis.DisposeAsync();
        if (_ownPostgres is not null) await _ownPostgres.DisposeAsync();
    }
}
