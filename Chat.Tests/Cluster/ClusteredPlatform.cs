using Chat.Tests.Backends;
using Chat.Tests.Epochs;

namespace Chat.Tests.Cluster;

/// <summary>Two nodes and a persister on a Redis Cluster, for the tests that leave it as it is.</summary>
public sealed class ClusteredPlatform(PostgresFixture postgres) : IAsyncLifetime
{
    private RedisCluster _cluster = null!;

    internal Platform Platform { get; private set; } = null!;

    public async ValueTask InitializeAsync()
    {
        _cluster = await RedisCluster.StartAsync();
        Platform = await Platform.StartAsync(_cluster, postgres, ("Chat:Limits:Enabled", "true"), ("Chat:Limits:MessagesPerSecond", "5"));
        await Platform.StartPersisterAsync();
    }

    public async ValueTask DisposeAsync()
    {
        if (Platform is not null) await Platform.DisposeAsync();
        if (_cluster is not null) await _cluster.DisposeAsync();
    }
}
