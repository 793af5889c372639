using Chat.Contracts;
using Chat.Tests.Backends;
using Chat.Tests.Client;

namespace Chat.Tests.EndToEnd;

/// <summary>The whole system on a Redis Cluster, which is only another connection string: every promise holds there too.</summary>
[Collection(Name)]
public sealed class ClusterTests : IAsyncLifetime
{
    public const string Name = "A system on a cluster";

    private RedisCluster _cluster = null!;
    private ChatSystem _system = null!;

    public async ValueTask InitializeAsync()
    {
        _cluster = await RedisCluster.StartAsync();
        _system = await ChatSystem.StartAsync($"ConnectionStrings:redis={_cluster.ConnectionString}");
    }

    public async ValueTask DisposeAsync()
    {
        if (_system is not null) await _system.DisposeAsync();
        if (_cluster is not null) await _cluster.DisposeAsync();
    }

    [Fact]
    public async Task Members_chat_through_killed_processes_and_a_shard_that_loses_its_data()
    {
        await using (var traffic = await Traffic.StartAsync(_system, _system.Origin, await _system.NodeAsync(2)))
        {
            await traffic.FlowsAsync(40);
            await _system.KillAsync("realtime-1");
            await traffic.FlowsAsync(40);
            await traffic.VerifyAsync();
        }
        await using (var traffic = await Traffic.StartAsync(_system, _system.Origin, await _system.NodeAsync(2)))
        {
            await traffic.FlowsAsync(40);
            await OwnerOf(traffic.RoomId).KillServerAsync();
            await OwnerOf(traffic.RoomId).StartAsync();
            await traffic.FlowsAsync(40);
            await traffic.VerifyAsync(redisWasHurt: true);
        }
        await using (var traffic = await Traffic.StartAsync(_system, _system.Origin, await _system.NodeAsync(2)))
        {
            await traffic.FlowsAsync(60);
            await OwnerOf(traffic.RoomId).KillAndEmptyAsync();
            await OwnerOf(traffic.RoomId).StartAsync();
            await traffic.FlowsAsync(60);
            await traffic.VerifyAsync(redisWasHurt: true);
        }
        await PeopleMeetAsync();
    }

    private async Task PeopleMeetAsync()
    {
        var (ann, bob) = (await _system.RegisterAsync("ann"), await _system.RegisterAsync("bob"));
        var room = await ann.CreateRoomAsync();
        await bob.Api.JoinRoomAsync(room);
        await using var one = await ann.ConnectAsync(await _system.NodeAsync(1));
        await using var two = await bob.ConnectAsync(await _system.NodeAsync(2), Wire.SignalR);
        foreach (var device in new[] { one, two }) await device.Connection.SubscribeAsync(room).Within("the subscription");
        await Await.UntilAsync(async () => (await one.Connection.GetPresenceAsync(room)).Count == 2, () => "both online");
        await two.Connection.SetTypingAsync(room, active: true);
        await one.ExpectAsync(e => e.EventType == EventTypes.Typing && e.SenderId == bob.UserId, "typing");
        var receipt = await one.Connection.SendDirectMessageAsync(bob.UserId, "psst").Within("the receipt");
        await two.ExpectAsync(e => e.EventId == receipt.EventId, "the direct message");
        Assert.Equal(":1\r\n", await OwnerOf(receipt.RoomId).AskAsync("EXISTS", RedisKeys.Head(receipt.RoomId)));
    }

    private RedisClusterServer OwnerOf(string roomId) =>
        _cluster.Servers[Enumerable.Range(0, 3).First(primary => RedisCluster.SlotOf(roomId) < RedisCluster.FirstSlot(primary + 1))];
}

/// <summary>Apart from all others: it has the machine for itself.</summary>
[CollectionDefinition(ClusterTests.Name, DisableParallelization = true)]
public sealed class ClusterTestsCollection;
