using System.Net;
using System.Net.Http.Json;
using System.Net.WebSockets;
using Chat.Contracts;
using Chat.Contracts.Api;
using Chat.Gateway.Targets;
using Chat.ServiceDefaults;
using Chat.ServiceDefaults.Leases;
using Chat.Tests.People;
using Microsoft.Extensions.Time.Testing;

namespace Chat.Tests.Gateway;

public sealed class TargetTests
{
    [Fact]
    public async Task New_nodes_take_part_and_draining_ones_get_nothing_more()
    {
        await using var gateway = await GatewayHost.StartAsync(nodes: 2);
        var third = await gateway.AddNodeAsync("node-3");
        await Until.TrueAsync(async () => (await gateway.GetAsync("/api/who")).Name == "node-3", "the new node is used");

        await third.DrainAsync();
        await Until.TrueAsync(async () => !(await NamesAsync(gateway, 40)).Contains("node-3"), "the draining node is left out");

        Assert.Equal(["node-1", "node-2"], (await NamesAsync(gateway, 60)).Order());
    }

    [Fact]
    public async Task A_draining_node_keeps_the_connections_that_it_has()
    {
        await using var gateway = await GatewayHost.StartAsync(nodes: 1);
        var soon = new CancellationTokenSource(TimeSpan.FromSeconds(60)).Token;
        using var socket = new ClientWebSocket();
        await socket.ConnectAsync(new Uri($"ws://{gateway.Http.Authority}/ws"), soon);

        await gateway.Targets[0].DrainAsync();
        await Until.TrueAsync(async () =>
        {
            using var refused = await gateway.Client.GetAsync("/api/who");
            return refused.StatusCode == HttpStatusCode.ServiceUnavailable;
        }, "nobody new gets to the draining node");

        await socket.SendAsync("still here"u8.ToArray(), WebSocketMessageType.Text, true, soon);
        var received = await socket.ReceiveAsync(new byte[100], soon);
        Assert.Equal((WebSocketMessageType.Text, 10), (received.MessageType, received.Count));
    }

    [Fact]
    public async Task Whom_a_stopping_node_turns_away_is_taken_by_another_one()
    {
        await using var gateway = await GatewayHost.StartAsync(nodes: 1);
        var stopping = await gateway.AddNodeAsync("node-2");
        await Until.TrueAsync(async () => (await gateway.GetAsync("/api/who")).Name == "node-2", "the second node is used");

        stopping.TurnAway();

        var soon = new CancellationTokenSource(Until.Patience).Token;
        for (var i = 0; i < 40; i++)
        {
            Assert.Equal("node-1", (await gateway.GetAsync("/api/who")).Name);
            using var socket = new ClientWebSocket();
            await socket.ConnectAsync(new Uri($"ws://{gateway.Http.Authority}/ws"), soon);
        }
    }

    [Fact]
    public async Task A_browser_whose_node_stops_is_told_which_one_it_has_now()
    {
        await using var gateway = await GatewayHost.StartAsync(nodes: 3);
        using var first = await gateway.Client.GetAsync("/hubs/chat/negotiate");
        var cookie = first.Headers.GetValues("Set-Cookie").Single().Split(';')[0];
        var name = (await first.Content.ReadFromJsonAsync<Seen>())!.Name;

        gateway.Targets.Single(target => $"node-{gateway.Targets.ToList().IndexOf(target) + 1}" == name).TurnAway();

        using var request = new HttpRequestMessage(HttpMethod.Post, "/hubs/chat/negotiate") { Headers = { { "Cookie", cookie } } };
        using var second = await gateway.Client.SendAsync(request);
        Assert.NotEqual(name, (await second.Content.ReadFromJsonAsync<Seen>())!.Name);
        Assert.NotEqual(cookie, second.Headers.GetValues("Set-Cookie").Single().Split(';')[0]);
    }

    [Fact]
    public async Task Turned_away_by_all_a_client_is_told_to_try_again()
    {
        await using var gateway = await GatewayHost.StartAsync(nodes: 2);
        foreach (var node in gateway.Targets) node.TurnAway();

        using var response = await gateway.Client.GetAsync("/api/who");

        Assert.Equal((HttpStatusCode.ServiceUnavailable, TimeSpan.FromSeconds(1)), (response.StatusCode, response.Headers.RetryAfter?.Delta));
        Assert.False(response.Headers.Contains(DrainingAnswer.Header));
        var problem = await response.Content.ReadFromJsonAsync(ChatJson.Default.Problem);
        Assert.Equal(ErrorCodes.Unavailable, problem?.Code);
    }

    [Fact]
    public async Task A_dead_node_costs_no_request_while_another_lives()
    {
        await using var gateway = await GatewayHost.StartAsync(nodes: 1);
        var dying = await gateway.AddNodeAsync("node-2");
        await Until.TrueAsync(async () => (await gateway.GetAsync("/api/who")).Name == "node-2", "the second node is used");

        await dying.DieAsync();

        for (var i = 0; i < 40; i++)
        {
            Assert.Equal("node-1", (await gateway.GetAsync("/api/who")).Name);
            using var posted = await gateway.Client.PostAsync("/api/upload", new StringContent("body"));
            Assert.Equal(HttpStatusCode.NoContent, posted.StatusCode);
        }
    }

    [Fact]
    public async Task Targets_stay_while_redis_is_away()
    {
        await using var gateway = await GatewayHost.StartAsync();

        await gateway.Redis.KillAsync();
        await Until.TrueAsync(() => gateway.LogLines.Any(line => line.Contains("the last known targets stay", StringComparison.Ordinal)), "the gateway noticed");

        Assert.Equal("node-1", (await gateway.GetAsync("/api/who")).Name);
    }

    [Fact]
    public async Task A_browser_stays_with_its_instance_of_the_interface_and_moves_when_that_is_gone()
    {
        await using var gateway = await GatewayHost.StartAsync(nodes: 0, frontends: 1);
        var second = await gateway.AddFrontendAsync("frontend-2");
        string? cookie = null;
        await Until.TrueAsync(async () =>
        {
            using var response = await gateway.Client.GetAsync("/");
            cookie = response.Headers.GetValues("Set-Cookie").Single().Split(';')[0];
            return (await response.Content.ReadFromJsonAsync<Seen>())?.Name == "frontend-2";
        }, "the second instance is used");

        for (var i = 0; i < 20; i++)
            Assert.Equal("frontend-2", await NameWithAsync(cookie!));

        await second.DieAsync();
        Assert.Equal("frontend-1", await NameWithAsync(cookie!));

        async Task<string?> NameWithAsync(string affinity)
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, "/_blazor") { Headers = { { "Cookie", affinity } } };
            using var response = await gateway.Client.SendAsync(request);
            return (await response.Content.ReadFromJsonAsync<Seen>())?.Name;
        }
    }

    [Fact]
    public void Targets_are_live_and_ready_and_outlive_a_redis_that_lost_the_leases()
    {
        var time = new FakeTimeProvider();
        var list = new TargetList(time);
        var now = 1_000_000L;

        Assert.True(list.Observe(At(now, Lease("a", now), Lease("b", now - 6_000), Lease("c", now, NodeLease.Draining))));
        Assert.Equal(["a"], list.Ready.Select(lease => lease.NodeId));

        Assert.False(list.Observe(At(now)));
        time.Advance(TimeSpan.FromSeconds(4));
        Assert.False(list.Observe(At(now)));
        Assert.Equal(["a"], list.Ready.Select(lease => lease.NodeId));
        time.Advance(TimeSpan.FromSeconds(2));
        Assert.True(list.Observe(At(now)));
        Assert.Empty(list.Ready);
    }

    [Fact]
    public void The_last_node_that_drains_leaves_at_once()
    {
        var list = new TargetList(new FakeTimeProvider());
        list.Observe(At(1_000_000, Lease("a", 1_000_000)));

        Assert.True(list.Observe(At(1_000_000, Lease("a", 1_000_000, NodeLease.Draining))));

        Assert.Empty(list.Ready);
    }

    private static async Task<HashSet<string>> NamesAsync(GatewayHost gateway, int requests)
    {
        var names = new HashSet<string>();
        for (var i = 0; i < requests; i++) names.Add((await gateway.GetAsync("/api/who")).Name);
        return names;
    }

    private static LeaseSnapshot At(long now, params NodeLease[] leases) => new(now, leases.Select(lease => new StoredLease(lease, "")).ToList());

    private static NodeLease Lease(string id, long renewedAt, string state = NodeLease.Ready) => new(id, $"http://{id}", state, renewedAt, default, 0);
}
