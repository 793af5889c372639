using Chat.Contracts;
using StackExchange.Redis;

namespace Chat.Tests.EndToEnd;

/// <summary>
/// Every process is killed as the kernel would while members chat. Nothing that was acknowledged may be lost, doubled or reordered,
/// and everything must go on by itself, without a message being refused. <see cref="Traffic.VerifyAsync"/> says what Redis may cost.
/// </summary>
[Collection(FaultedSystemTests.Name)]
public sealed class FaultTests(FaultedSystem faulted)
{
    private readonly ChatSystem _system = faulted.System;

    [Theory]
    [InlineData("realtime-1")]
    [InlineData("persister-1")]
    [InlineData("kafka-1")]
    [InlineData("redis-1")]
    [InlineData("postgres-1")]
    [InlineData("gateway-1")]
    public async Task A_killed_process_costs_nothing_that_was_acknowledged(string name)
    {
        // One writer at a node, which is not the one that dies, and one wherever the gateway puts it.
        await using var traffic = await Traffic.StartAsync(_system, _system.Origin, await _system.NodeAsync(2));
        await traffic.FlowsAsync(40);
        await _system.KillAsync(name);
        await traffic.FlowsAsync(40);
        await traffic.VerifyAsync(redisWasHurt: name == "redis-1");
    }

    [Fact]
    public async Task Redis_that_forgets_everything_loses_no_message_and_gives_no_number_out_again()
    {
        await using var traffic = await Traffic.StartAsync(_system, _system.Origin, await _system.NodeAsync(2));
        await traffic.FlowsAsync(60);
        var options = ConfigurationOptions.Parse(await _system.ConnectionStringAsync("redis"));
        options.AllowAdmin = true;
        await using (var redis = await ConnectionMultiplexer.ConnectAsync(options))
            await redis.GetServers()[0].FlushAllDatabasesAsync();
        await traffic.FlowsAsync(60);
        await traffic.VerifyAsync(redisWasHurt: true);
    }

    [Fact]
    public async Task A_restarted_node_sends_its_clients_away_and_they_miss_nothing()
    {
        var address = await _system.NodeAsync(1);
        await using var traffic = await Traffic.StartAsync(_system, address, _system.Origin);
        await traffic.FlowsAsync(20);
        await _system.RestartAsync("realtime-1");
        await traffic.FlowsAsync(40);
        await traffic.VerifyAsync();
    }

    [Fact]
    public async Task A_dead_node_leaves_no_ghosts()
    {
        var (ann, bob) = (await _system.RegisterAsync("ann"), await _system.RegisterAsync("bob"));
        var room = await ann.CreateRoomAsync();
        await bob.Api.JoinRoomAsync(room);
        await using var watching = await ann.ConnectAsync(await _system.NodeAsync(2));
        await watching.Connection.SubscribeAsync(room).Within("the subscription");
        var dying = await bob.ConnectAsync(await _system.NodeAsync(1));
        await Await.UntilAsync(async () => (await watching.Connection.GetPresenceAsync(room)).Count == 2, () => "both online");

        await _system.KillAsync("realtime-1");
        await dying.DisposeAsync();
        await Await.UntilAsync(async () => (await watching.Connection.GetPresenceAsync(room)).Count == 1, () => "bob offline");
        Assert.Equal(PresenceStatus.Offline, (await watching.Connection.GetPresenceAsync(room)).Users.Single(u => u.UserId == bob.UserId).Status);
    }
}

/// <summary>One system for all faults, which must survive each of them.</summary>
public sealed class FaultedSystem : IAsyncLifetime
{
    internal ChatSystem System { get; private set; } = null!;

    public async ValueTask InitializeAsync() => System = await ChatSystem.StartAsync();

    public async ValueTask DisposeAsync()
    {
        if (System is not null) await System.DisposeAsync();
    }
}

/// <summary>Tests that kill, one after the other and apart from all others.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class FaultedSystemTests : ICollectionFixture<FaultedSystem>
{
    public const string Name = "A system that is hurt";
}
