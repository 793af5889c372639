using System.Net;
using Chat.Contracts;
using Chat.Tests.Backends;
using Chat.Tests.Epochs;
using Chat.Tests.Persister;
using Chat.Tests.Realtime;

namespace Chat.Tests.Cluster;

/// <summary>A cluster is hurt while members chat in rooms of all shards: what was acknowledged is there once and in its order.</summary>
public sealed class HurtClusterTests(PostgresFixture postgres)
{
    private const int AShard = 1;

    [Fact]
    public Task A_shard_that_forgets_everything() => HurtAsync(cluster => cluster.Servers[AShard].AskAsync("FLUSHALL"));

    [Fact]
    public Task A_primary_that_is_killed_and_comes_back() => HurtAsync(async cluster =>
    {
        await cluster.Servers[AShard].KillServerAsync();
        await cluster.Servers[AShard].StartAsync();
    });

    [Fact]
    public Task A_primary_that_is_killed_and_comes_back_empty() => HurtAsync(async cluster =>
    {
        await cluster.Servers[AShard].KillAndEmptyAsync();
        await cluster.Servers[AShard].StartAsync();
    });

    [Fact]
    public Task A_primary_that_is_killed_and_replaced_by_its_replica() => HurtAsync(
        cluster => cluster.Servers[AShard].KillServerAsync(), prepare: async cluster =>
        {
            await cluster.AddAsync(replicaOf: cluster.Servers[AShard]);
            await cluster.Servers[AShard].AskAsync("CONFIG", "SET", "min-replicas-to-write", 1);
        });

    [Fact]
    public async Task Slots_that_move_while_members_listen()
    {
        await using var cluster = await RedisCluster.StartAsync();
        await using var platform = await Platform.StartAsync(cluster, postgres);
        await platform.StartPersisterAsync();
        var (ann, bob) = (RedisCluster.NameOn(0, "ann"), RedisCluster.NameOn(0, "bob"));
        var room = RedisCluster.NameOn(0);
        using var http = platform.Nodes[0].Http(ann);
        using var made = await http.PostAsync("/api/rooms", NodeFixture.JsonContent(new { room_id = room, name = room, kind = "public" }));
        await using var sender = await platform.Nodes[0].ConnectAsync(ann);
        await using var listener = await platform.Nodes[1].ConnectAsync(bob);
        await listener.AskAsync(new { event_type = "subscribe", room_id = room });
        foreach (var name in new[] { room, bob }) await cluster.MoveSlotAsync(RedisCluster.SlotOf(name), cluster.Servers[0], cluster.Servers[2]);

        for (var i = 0; i < 5; i++)
        {
            var seq = (await sender.AskAsync(new { event_type = "chat_message", room_id = room, content = $"{i}" })).GetProperty("seq").GetInt64();
            Assert.Equal(seq, (await listener.NextAsync("chat_message")).GetProperty("seq").GetInt64());
            await sender.AskAsync(new { event_type = "direct_message", user_id = bob, content = $"direct {i}" });
            Assert.Equal($"direct {i}", (await listener.NextAsync("chat_message")).GetProperty("content").GetString());
        }
        Assert.Equal(0, await platform.EpochAsync());
    }

    [Fact]
    public async Task Presence_that_one_shard_has_lost_comes_back_though_nobody_does_anything()
    {
        await using var cluster = await RedisCluster.StartAsync();
        await using var platform = await Platform.StartAsync(cluster, postgres);
        string[] users = [RedisCluster.NameOn(0, "user"), RedisCluster.NameOn(1, "user"), RedisCluster.NameOn(2, "user")];
        // The leases stay.
        var shard = (LeasesShard() + 1) % 3;
        var node = platform.Nodes[0];
        var clients = new List<TestClient>();
        foreach (var user in users) clients.Add(await node.ConnectAsync(user));
        var room = RedisCluster.NameOn(0);
        using var http = node.Http(users[0]);
        using var made = await http.PostAsync("/api/rooms", NodeFixture.JsonContent(new { room_id = room, name = room, kind = "public" }));
        foreach (var client in clients) await client.AskAsync(new { event_type = "subscribe", room_id = room });
        await CountsThreeAsync();

        Assert.Equal(":1\r\n", await cluster.Servers[shard].AskAsync("EXISTS", RedisKeys.Presence(users[shard])));
        await cluster.Servers[shard].AskAsync("FLUSHALL");

        await CountsThreeAsync();
        foreach (var client in clients) await client.DisposeAsync();

        Task CountsThreeAsync() => PersisterServers.PollAsync(
            async () => (await clients[0].AskAsync(new { event_type = "presence", room_id = room })) is var reply && reply.TryGetProperty("count", out var count) && count.GetInt32() == 3, () => "three online");

        static int LeasesShard() => Enumerable.Range(0, 3).First(primary => RedisCluster.SlotOf(RedisKeys.Nodes) < RedisCluster.FirstSlot(primary + 1));
    }

    [Fact]
    public async Task A_full_shard_refuses_the_sends_of_its_own_rooms_and_no_others()
    {
        await using var cluster = await RedisCluster.StartAsync();
        await using var platform = await Platform.StartAsync(cluster, postgres);
        await platform.StartPersisterAsync();
        await using var here = await Chain.StartAsync(platform, RedisCluster.NameOn(AShard));
        await using var elsewhere = await Chain.StartAsync(platform, RedisCluster.NameOn(AShard + 1));
        foreach (var chain in new[] { here, elsewhere }) await chain.SendAsync(3);
        var memory = await cluster.Servers[AShard].AskAsync("INFO", "memory");
        var used = long.Parse(memory.Split('\n').Single(line => line.StartsWith("used_memory:", StringComparison.Ordinal))["used_memory:".Length..]);

        // Above four fifths, and not yet so full that Redis itself refuses.
        await cluster.Servers[AShard].AskAsync("CONFIG", "SET", "maxmemory", used * 11 / 10);
        await PersisterServers.PollAsync(async () => await here.TryAsync() == HttpStatusCode.ServiceUnavailable, () => "a refusal");
        await elsewhere.SendAsync(3);
        await cluster.Servers[AShard].AskAsync("CONFIG", "SET", "maxmemory", 0);
        await here.SendAsync(3);
    }

    private async Task HurtAsync(Func<RedisCluster, Task> hurt, Func<RedisCluster, Task>? prepare = null)
    {
        await using var cluster = await RedisCluster.StartAsync();
        if (prepare is not null) await prepare(cluster);
        await using var platform = await Platform.StartAsync(cluster, postgres);
        await platform.StartPersisterAsync();
        await using var chains = await Chains.StartAsync(platform, Enumerable.Range(0, 3).Select(shard => RedisCluster.NameOn(shard)));
        await chains.FlowAsync(20);

        await hurt(cluster);

        await chains.FlowAsync(20);
        await chains.VerifyAsync();
        Assert.NotEqual(0, await platform.EpochAsync());
    }
}
