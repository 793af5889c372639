using Chat.Tests.Backends;

namespace Chat.Tests.Realtime;

/// <summary>One node that the tests of the WebSocket path share; each test takes users and rooms of its own.</summary>
public class NodeFixture(PostgresFixture postgres, RedisFixture redis, KafkaFixture kafka) : IAsyncLifetime
{
    private static int _names;

    public TestNode Node { get; private set; } = null!;

    public async ValueTask InitializeAsync() => Node = await TestNode.StartAsync(await BackingAsync());

    /// <summary>Servers that all nodes of one test share, with a database of its own.</summary>
    public virtual async Task<Backing> BackingAsync() =>
        new(await redis.CreateDatabaseAsync(), await kafka.GetConnectionStringAsync(), await postgres.CreateDatabaseAsync());

    /// <summary>A name that no other test uses, also in the servers that are shared with other test classes.</summary>
    public static string Name(string prefix) => $"{prefix}-{Environment.ProcessId}-{Interlocked.Increment(ref _names)}";

    /// <summary>A public room made by <paramref name="owner"/>.</summary>
    public async Task<string> RoomAsync(string owner, string kind = "public")
    {
        var roomId = Name("room");
        using var http = Node.Http(owner);
        using var response = await http.PostAsync("/api/rooms", JsonContent(new { room_id = roomId, name = roomId, kind }));
        Assert.True(response.IsSuccessStatusCode, await response.Content.ReadAsStringAsync());
        return roomId;
    }

    public static StringContent JsonContent(object value) => new(System.Text.Json.JsonSerializer.Serialize(value), System.Text.Encoding.UTF8, "application/json");

    public ValueTask DisposeAsync() => Node?.DisposeAsync() ?? ValueTask.CompletedTask;
}

/// <summary>One after another: they share a node, and two cores.</summary>
[CollectionDefinition(nameof(NodeCollection))]
public sealed class NodeCollection : ICollectionFixture<NodeFixture>;
