using System.Net;
using System.Text.Json;
using Chat.Contracts;
using Chat.Realtime.Connections;
using Chat.Realtime.Hub;
using Chat.Tests.Backends;
using Chat.Tests.Realtime;
using Chat.Tests.Transport;
using Microsoft.AspNetCore.Http.Connections;
using Microsoft.AspNetCore.SignalR;
using Microsoft.AspNetCore.SignalR.Client;
using Microsoft.Extensions.DependencyInjection;
using StackExchange.Redis;

namespace Chat.Tests.Hub;

[Collection(nameof(NodeCollection))]
public sealed class ChatHubTests(NodeFixture fixture)
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_message_is_acked_and_reaches_hub_and_socket_alike(bool messagePack)
    {
        var (ann, bob) = (NodeFixture.Name("ann"), NodeFixture.Name("bob"));
        var roomId = await fixture.RoomAsync(ann);
        await using var hub = await OpenAsync(ann, messagePack);
        Assert.Equal(ann, (await hub.NextAsync("welcome")).GetProperty("user_id").GetString());
        await using var socket = await fixture.Node.ConnectAsync(bob);
        await socket.AskAsync(new { event_type = "subscribe", room_id = roomId });
        var subscribed = await hub.CallAsync("Subscribe", ("room_id", roomId));
        Assert.True(subscribed.GetProperty("recovered").GetBoolean());

        var ack = await hub.CallAsync("SendMessage", ("room_id", roomId), ("content", "grüße 👋"), ("client_id", "one"), ("reply_to", null));
        Assert.Equal("one", ack.GetProperty("client_id").GetString());
        Assert.False(ack.TryGetProperty("id", out _));
        var own = await hub.NextAsync("chat_message");
        var other = await socket.NextAsync("chat_message");
        foreach (var received in new[] { own, other })
        {
            Assert.Equal("grüße 👋", received.GetProperty("content").GetString());
            Assert.Equal(ack.GetProperty("seq").GetInt64(), received.GetProperty("seq").GetInt64());
            Assert.Equal(ack.GetProperty("event_id").GetString(), received.GetProperty("event_id").GetString());
        }
        Assert.Equal(JsonSerializer.Serialize(other), JsonSerializer.Serialize(own));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Pipelined_calls_are_numbered_in_the_order_in_which_they_were_made(bool messagePack)
    {
        var ann = NodeFixture.Name("ann");
        var roomId = await fixture.RoomAsync(ann);
        await using var hub = await OpenAsync(ann, messagePack);
        var acks = await Task.WhenAll(Enumerable.Range(0, 200).Select(i => hub.CallAsync("SendMessage", ("room_id", roomId), ("content", $"{i}"))));
        var seqs = acks.Select(ack => ack.GetProperty("seq").GetInt64()).ToList();
        Assert.Equal(Enumerable.Range(0, 200).Select(i => seqs[0] + i), seqs);
    }

    [Fact]
    public async Task A_gap_and_what_comes_live_join_without_hole_or_duplicate_under_load()
    {
        var ann = NodeFixture.Name("ann");
        var roomId = await fixture.RoomAsync(ann);
        await using var writer = await fixture.Node.ConnectAsync(ann);
        var first = (await writer.AskAsync(new { event_type = "chat_message", room_id = roomId, content = "0" })).GetProperty("seq").GetInt64();
        await using var hub = await OpenAsync(NodeFixture.Name("bob"));
        await hub.CallAsync("Subscribe", ("room_id", roomId)); // joins, so that no user_join comes later
        await hub.CallAsync("Unsubscribe", ("room_id", roomId));

        var last = Task.Run(async () =>
        {
            var ids = new List<int>();
            for (var i = 1; i <= 300; i++) ids.Add(await writer.SendAsync(new { event_type = "chat_message", room_id = roomId, content = $"{i}" }));
            return (await writer.ReplyAsync(ids[^1])).GetProperty("seq").GetInt64();
        }, TestContext.Current.CancellationToken);
        var ack = await hub.CallAsync("Subscribe", ("room_id", roomId), ("since_seq", first));
        var seqs = ack.GetProperty("events").EnumerateArray().Select(e => e.GetProperty("seq").GetInt64()).ToList();
        for (var end = await last; seqs.Count == 0 || seqs[^1] < end;) seqs.Add((await hub.NextAsync("chat_message")).GetProperty("seq").GetInt64());
        Assert.Equal(Enumerable.Range(0, seqs.Count).Select(i => seqs[0] + i), seqs);
    }

    [Fact]
    public async Task A_send_repeated_over_the_other_transport_gets_the_first_ack()
    {
        var ann = NodeFixture.Name("ann");
        var roomId = await fixture.RoomAsync(ann);
        await using var hub = await OpenAsync(ann, messagePack: true);
        await using var socket = await fixture.Node.ConnectAsync(ann);
        var first = await hub.CallAsync("SendMessage", ("room_id", roomId), ("content", "once"), ("client_id", "c1"));
        var second = await socket.AskAsync(new { event_type = "chat_message", room_id = roomId, content = "twice", client_id = "c1" });
        foreach (var field in new[] { "event_id", "seq", "epoch", "timestamp" })
            Assert.Equal(first.GetProperty(field).ToString(), second.GetProperty(field).ToString());
    }

    [Theory]
    [InlineData("SendMessage", "bad_request")]
    [InlineData("GetHistory", "bad_request")]
    [InlineData("Authenticate", "bad_request")]
    public async Task A_refusal_is_a_hub_exception_with_the_code_first(string method, string code)
    {
        await using var hub = await OpenAsync(NodeFixture.Name("ann"));
        var refused = await Assert.ThrowsAsync<HubException>(() => hub.CallAsync(method, ("room_id", "no room!"), ("limit", -1)));
        Assert.Contains($"HubException: {code}: ", refused.Message);
        Assert.True((await hub.CallAsync("GetPresence", ("room_id", await fixture.RoomAsync(NodeFixture.Name("eve"))))).TryGetProperty("count", out _));
    }

    [Fact]
    public async Task Argument_that_is_no_object_is_refused_and_the_connection_lives()
    {
        await using var hub = await OpenAsync(NodeFixture.Name("ann"));
        var refused = await Assert.ThrowsAsync<HubException>(() => hub.Connection.InvokeAsync<JsonElement>("SendMessage", "text", TestContext.Current.CancellationToken));
        Assert.Contains("bad_request: ", refused.Message);
        Assert.Equal(HubConnectionState.Connected, hub.Connection.State);
    }

    [Fact]
    public async Task Without_a_valid_token_or_from_a_foreign_page_nobody_gets_in()
    {
        var unknown = await Assert.ThrowsAsync<HttpRequestException>(() => HubClient.OpenAsync(fixture.Node.Address, "nonsense"));
        Assert.Equal(HttpStatusCode.Unauthorized, unknown.StatusCode);
        var foreign = await Assert.ThrowsAsync<HttpRequestException>(() =>
            HubClient.OpenAsync(fixture.Node.Address, TestNode.Token(NodeFixture.Name("ann")), origin: "https://elsewhere.example"));
        Assert.Equal(HttpStatusCode.Forbidden, foreign.StatusCode);
    }

    [Fact]
    public async Task An_expired_session_closes_with_its_code()
    {
        await using var hub = await HubClient.OpenAsync(fixture.Node.Address, TestNode.Token(NodeFixture.Name("ann"), TimeSpan.FromSeconds(8)));
        Assert.Contains("4401: ", (await hub.ClosedAsync())?.Message);
    }

    [Theory]
    [InlineData(HttpTransportType.LongPolling)]
    [InlineData(HttpTransportType.ServerSentEvents)]
    public async Task The_other_transports_carry_the_same(HttpTransportType transport)
    {
        var ann = NodeFixture.Name("ann");
        var roomId = await fixture.RoomAsync(ann);
        await using var hub = await HubClient.OpenAsync(fixture.Node.Address, TestNode.Token(ann), transports: transport);
        await hub.CallAsync("Subscribe", ("room_id", roomId));
        var ack = await hub.CallAsync("SendMessage", ("room_id", roomId), ("content", "slow road"));
        Assert.Equal(ack.GetProperty("seq").GetInt64(), (await hub.NextAsync("chat_message")).GetProperty("seq").GetInt64());
    }

    [Fact]
    public async Task A_call_that_wants_no_result_does_not_hold_up_what_follows()
    {
        var ann = NodeFixture.Name("ann");
        var roomId = await fixture.RoomAsync(ann);
        await using var hub = await OpenAsync(ann);
        await hub.Connection.SendAsync("Subscribe", new { room_id = roomId }, TestContext.Current.CancellationToken);
        await hub.Connection.SendAsync("SendMessage", new { room_id = roomId, content = "quiet" }, TestContext.Current.CancellationToken);
        Assert.Equal("quiet", (await hub.NextAsync("chat_message")).GetProperty("content").GetString());
    }

    [Fact]
    public async Task An_operators_word_on_one_node_reaches_hub_clients_of_another()
    {
        await using var second = await TestNode.StartAsync(fixture.Node.Backing);
        await using var hub = await HubClient.OpenAsync(second.Address, TestNode.Token(NodeFixture.Name("ann")));
        await hub.NextAsync("welcome");
        var heard = hub.NextAsync("notification");
        // Said until it is heard: what the backplane carries may be lost while a node's connection of it is just being made.
        await Until.TrueAsync(async () =>
        {
            await fixture.Node.Services.GetRequiredService<IHubContext<ChatHub>>().Clients.All
                .SendAsync(HubSession.Event, new { event_type = "notification", title = "Maintenance at noon" }, TestContext.Current.CancellationToken);
            return heard.IsCompleted;
        }, "the operator's word on the other node");
        Assert.Equal("Maintenance at noon", (await heard).GetProperty("title").GetString());
    }

    [Fact]
    public async Task An_operators_word_reaches_hub_clients_of_a_node_that_was_made_while_Redis_was_away()
    {
        await using var redis = await RedisFixture.StartServerAsync();
        await redis.KillAsync();
        await using var node = await TestNode.StartAsync(await fixture.BackingAsync() with { Redis = redis.ConnectionString }, log: null, async services =>
        {
            // Behind the node's own attempt: they go one after another.
            await Assert.ThrowsAnyAsync<RedisException>(() => services.GetRequiredService<HubLifetimeManager<ChatHub>>().SendAllAsync("word", [], TestContext.Current.CancellationToken));
            await redis.StartAsync();
        });
        await using var hub = await HubClient.OpenAsync(node.Address, TestNode.Token(NodeFixture.Name("ann")));
        await hub.NextAsync("welcome");

        await node.Services.GetRequiredService<IHubContext<ChatHub>>().Clients.All
            .SendAsync(HubSession.Event, new { event_type = "notification", title = "Maintenance at noon" }, TestContext.Current.CancellationToken);

        Assert.Equal("Maintenance at noon", (await hub.NextAsync("notification")).GetProperty("title").GetString());
    }

    [Fact]
    public async Task A_draining_node_says_when_to_come_back_and_closes_with_1012()
    {
        await using var node = await TestNode.StartAsync(fixture.Node.Backing);
        await using var hub = await HubClient.OpenAsync(node.Address, TestNode.Token(NodeFixture.Name("ann")));
        await hub.NextAsync("welcome");
        var stopping = node.StopAsync();
        Assert.True((await hub.NextAsync("reconnect")).TryGetProperty("after_ms", out _));
        Assert.Contains("1012: ", (await hub.ClosedAsync())?.Message);
        await stopping;
    }

    [Fact]
    public async Task The_node_knows_of_a_transport_until_the_client_has_answered_its_close()
    {
        await using var node = await TestNode.StartAsync(fixture.Node.Backing);
        var (registry, drain) = (node.Services.GetRequiredService<ConnectionRegistry>(), node.Services.GetRequiredService<DrainState>());
        using var hub = await RawConnection.ConnectAsync(node.Address);
        await hub.SendAsync(RawConnection.UpgradeOf(TestNode.Token(NodeFixture.Name("ann")), path: "/hubs/chat"), ClientFrame.Text("{\"protocol\":\"json\",\"version\":1}\u001e"));
        await hub.ReadHeadAsync();
        while (!(await hub.ReadTextAsync()).Contains("\"welcome\"", StringComparison.Ordinal)) { }
        registry.All().Single().Close(CloseCodes.ServiceRestart, "restart");
        while ((await hub.ReadFrameAsync())!.Value.Opcode != ClientFrame.CloseOpcode) { }
        await Until.TrueAsync(() => registry.Count == 0, "the session has ended");
        Assert.Equal(1, drain.Transports);
        await hub.SendAsync(ClientFrame.Close(1000));
        await Until.TrueAsync(() => drain.Transports == 0, "the transport has ended");
    }

    private Task<HubClient> OpenAsync(string user, bool messagePack = false) => HubClient.OpenAsync(fixture.Node.Address, TestNode.Token(user), messagePack);
}
