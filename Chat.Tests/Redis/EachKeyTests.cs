using Chat.Data;
using Chat.Realtime.Redis;
using Chat.Tests.Backends;
using StackExchange.Redis;

namespace Chat.Tests.Redis;

/// <summary>One call for many keys, on a real Redis by itself and on a cluster, whose keys do not all lie together.</summary>
public sealed class EachKeyTests(RedisFixture redis)
{
    private static readonly RedisScript Raise = EachKey.Script("by, least", """
        local now = redis.call('INCRBY', key, by)
        return now >= tonumber(least) and {now, 'enough'} or false
        """);

    [Fact]
    public async Task Each_key_has_its_own_arguments_and_reply_and_a_call_carries_sixty_four()
    {
        await using var server = await ConnectionMultiplexer.ConnectAsync(await redis.CreateDatabaseAsync());
        var counted = new Counted(new LibraryCommands(server));
        var prefix = Guid.NewGuid().ToString("N");

        var replies = await new EachKey(new AwayCommands(counted), server).RunAsync(Raise, [.. Enumerable.Range(1, 200).Select(i => ($"{prefix}:{i}", new RedisValue[] { i, 100 }))]);

        Assert.Equal(4, counted.Calls.Count(call => call.Name == "EVALSHA"));
        Assert.All(replies.Take(99), reply => Assert.True(reply.IsNull));
        Assert.Equal(Enumerable.Range(100, 101).Select(i => $"{i} enough"), replies.Skip(99).Select(reply => string.Join(' ', (string[])reply!)));
    }

    [Fact]
    public async Task A_key_that_comes_twice_is_served_twice_in_order()
    {
        await using var server = await ConnectionMultiplexer.ConnectAsync(await redis.CreateDatabaseAsync());
        var key = Guid.NewGuid().ToString("N");

        var replies = await new EachKey(new AwayCommands(new LibraryCommands(server)), server).RunAsync(Raise, [(key, [1, 0]), (key, [5, 0])]);

        Assert.Equal(["1", "6"], replies.Select(reply => ((string[])reply!)[0]));
    }

    [Fact]
    public async Task Of_no_keys_nothing_is_asked()
    {
        await using var server = await ConnectionMultiplexer.ConnectAsync(await redis.CreateDatabaseAsync());
        var counted = new Counted(new LibraryCommands(server));

        Assert.Empty(await new EachKey(new AwayCommands(counted), server).GetFieldsAsync([]));
        Assert.Empty(counted.Calls);
    }

    [Fact]
    public async Task Fields_are_read_in_order_and_null_where_there_is_none()
    {
        await using var server = await ConnectionMultiplexer.ConnectAsync(await redis.CreateDatabaseAsync());
        var prefix = Guid.NewGuid().ToString("N");
        foreach (var i in Enumerable.Range(0, 65).Where(i => i % 5 != 0)) await server.GetDatabase().HashSetAsync($"{prefix}:{i}", "field", i);

        var values = await new EachKey(new AwayCommands(new LibraryCommands(server)), server).GetFieldsAsync([.. Enumerable.Range(0, 65).Select(i => ($"{prefix}:{i}", (RedisValue)"field"))]);

        Assert.Equal(Enumerable.Range(0, 65).Select(i => i % 5 == 0 ? RedisValue.Null : (RedisValue)i), values);
    }

    [Fact]
    public async Task In_a_cluster_keys_of_every_server_are_served_and_a_call_carries_one()
    {
        await using var cluster = await RedisCluster.StartAsync();
        await using var servers = await ConnectionMultiplexer.ConnectAsync(cluster.ConnectionString);
        var counted = new Counted(new LibraryCommands(servers));
        var each = new EachKey(new AwayCommands(counted), servers);
        var names = Enumerable.Range(0, 30).Select(i => RedisCluster.NameOn(i % 3)).ToList();
        foreach (var name in names.Skip(3)) await servers.GetDatabase().HashSetAsync(name, "field", name);

        var values = await each.GetFieldsAsync([.. names.Select(name => (name, (RedisValue)"field"))]);
        var replies = await each.RunAsync(Raise, [.. names.Select((name, i) => ($"{{{name}}}:count", new RedisValue[] { i, 0 }))]);

        Assert.Equal(names.Select((name, i) => i < 3 ? RedisValue.Null : (RedisValue)name), values);
        Assert.Equal(Enumerable.Range(0, 30).Select(i => $"{i}"), replies.Select(reply => ((string[])reply!)[0]));
        Assert.All(counted.Calls, call => Assert.Single(call.Keys));
    }

    private sealed class Counted(IRedisCommands commands) : IRedisCommands
    {
        private readonly Lock _gate = new();

        public List<RedisCommand> Calls { get; } = [];

        public Task<RedisResult> RunAsync(RedisCommand command)
        {
            lock (_gate) Calls.Add(command);
            return commands.RunAsync(command);
        }
    }
}
