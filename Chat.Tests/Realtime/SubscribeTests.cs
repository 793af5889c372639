using System.Text.Json;

namespace Chat.Tests.Realtime;

[Collection(nameof(NodeCollection))]
public class SubscribeTests(NodeFixture fixture)
{
    [Fact]
    public async Task A_gap_is_closed_by_the_ack_and_live_events_follow()
    {
        var user = NodeFixture.Name("ann");
        var roomId = await fixture.RoomAsync(user);
        await using var writer = await fixture.Node.ConnectAsync(user);
        var first = await SendAsync(writer, roomId, "a0");
        for (var i = 1; i < 6; i++) await SendAsync(writer, roomId, $"a{i}");

        await using var reader = await fixture.Node.ConnectAsync(NodeFixture.Name("bob"));
        await reader.AskAsync(new { event_type = "subscribe", room_id = roomId }); // joins, so that its user_join does not come between
        await reader.AskAsync(new { event_type = "unsubscribe", room_id = roomId });
        var ack = await reader.AskAsync(new { event_type = "subscribe", room_id = roomId, since_seq = first });
        Assert.True(ack.GetProperty("recovered").GetBoolean());
        var seqs = Seqs(ack);
        Assert.Equal(Enumerable.Range(1, seqs.Count).Select(i => first + i), seqs);
        Assert.Equal(ack.GetProperty("head_seq").GetInt64(), seqs[^1]);
        Assert.Equal("a1", ack.GetProperty("events")[0].GetProperty("content").GetString());

        var next = await SendAsync(writer, roomId, "live");
        var live = await reader.NextAsync(frame => frame.TryGetProperty("content", out var content) && content.GetString() == "live", "the live message");
        Assert.Equal(next, live.GetProperty("seq").GetInt64());
    }

    [Fact]
    public async Task Without_an_id_no_reply_comes_and_the_gap_arrives_as_events()
    {
        var user = NodeFixture.Name("ann");
        var roomId = await fixture.RoomAsync(user);
        await using var client = await fixture.Node.ConnectAsync(user);
        var first = await SendAsync(client, roomId, "one");
        await SendAsync(client, roomId, "two");
        await client.SendTextAsync($$"""{"event_type":"subscribe","room_id":"{{roomId}}","since_seq":{{first}}}""");
        await client.SendTextAsync("""{"event_type":"ping"}""");
        await client.SendTextAsync($$"""{"event_type":"chat_message","room_id":"{{roomId}}","content":"three"}""");
        foreach (var expected in new[] { "two", "three" })
        {
            var frame = await client.NextAsync(candidate => candidate.GetProperty("event_type").GetString() != "presence", "an event and no reply");
            Assert.Equal(expected, frame.GetProperty("content").GetString());
        }
        await client.SendTextAsync($$"""{"event_type":"chat_message","room_id":"{{roomId}}","content":""}""");
        Assert.Equal("bad_request", (await client.NextAsync("error")).GetProperty("code").GetString());
    }

    [Fact]
    public async Task What_cannot_be_continued_is_said()
    {
        var user = NodeFixture.Name("ann");
        var roomId = await fixture.RoomAsync(user);
        await using var client = await fixture.Node.ConnectAsync(user);
        var head = await SendAsync(client, roomId, "x");
        foreach (object command in new object[]
        {
            new { event_type = "subscribe", room_id = roomId, since_seq = head + 100 },
            new { event_type = "subscribe", room_id = roomId, since_seq = 0, epoch = "99" },
        })
        {
            var ack = await client.AskAsync(command);
            Assert.Equal("ack", ack.GetProperty("event_type").GetString());
            Assert.False(ack.GetProperty("recovered").GetBoolean());
            Assert.Empty(ack.GetProperty("events").EnumerateArray());
            Assert.True(ack.GetProperty("head_seq").GetInt64() >= head);
        }
        var plain = await client.AskAsync(new { event_type = "subscribe", room_id = roomId });
        Assert.True(plain.GetProperty("recovered").GetBoolean());
        Assert.Empty(plain.GetProperty("events").EnumerateArray());
    }

    [Fact]
    public async Task Under_load_a_subscription_has_neither_hole_nor_repeat()
    {
        var user = NodeFixture.Name("ann");
        var roomId = await fixture.RoomAsync(user);
        await using var writer = await fixture.Node.ConnectAsync(user);
        await using var reader = await fixture.Node.ConnectAsync(user);
        var start = await SendAsync(writer, roomId, "start");
        const int messages = 600;
        var writing = Task.Run(async () =>
        {
            for (var i = 0; i < messages; i++) await writer.SendAsync(new { event_type = "chat_message", room_id = roomId, content = $"{i}" });
            for (var i = 0; i < messages; i++) Assert.Equal("ack", (await writer.NextAsync(f => f.TryGetProperty("id", out _), "an ack")).GetProperty("event_type").GetString());
        });

        // Subscribes again and again from where it stands: acks and live events together are the room, each event once.
        var position = start;
        while (position < start + messages)
        {
            var ack = await reader.AskAsync(new { event_type = "subscribe", room_id = roomId, since_seq = position });
            Assert.True(ack.GetProperty("recovered").GetBoolean());
            foreach (var seq in Seqs(ack)) Assert.Equal(++position, seq);
            for (var i = 0; i < 20 && position < start + messages; i++)
            {
                var live = await reader.NextAsync("chat_message");
                Assert.Equal(++position, live.GetProperty("seq").GetInt64());
            }
            await reader.AskAsync(new { event_type = "unsubscribe", room_id = roomId });
            // What came between the last live event that was read and the end of the subscription is read again by the next one.
            while (reader.TryTakeUnread("chat_message") is { } read) Assert.Equal(++position, read.GetProperty("seq").GetInt64());
        }
        await writing;
    }

    [Fact]
    public async Task A_repeated_subscribe_replaces_the_first_one()
    {
        var user = NodeFixture.Name("ann");
        var roomId = await fixture.RoomAsync(user);
        await using var client = await fixture.Node.ConnectAsync(user);
        for (var i = 0; i < 3; i++) await client.AskAsync(new { event_type = "subscribe", room_id = roomId });
        var seq = await SendAsync(client, roomId, "once");
        Assert.Equal(seq, (await client.NextAsync("chat_message")).GetProperty("seq").GetInt64());
        await client.AskAsync(new { event_type = "ping" });
        Assert.Null(client.TryTakeUnread("chat_message"));
    }

    [Fact]
    public async Task After_unsubscribe_nothing_comes_any_more()
    {
        var user = NodeFixture.Name("ann");
        var roomId = await fixture.RoomAsync(user);
        await using var client = await fixture.Node.ConnectAsync(user);
        await client.AskAsync(new { event_type = "subscribe", room_id = roomId });
        await client.AskAsync(new { event_type = "unsubscribe", room_id = roomId });
        await SendAsync(client, roomId, "unheard");
        await client.AskAsync(new { event_type = "ping" });
        Assert.Null(client.TryTakeUnread("chat_message"));
    }

    [Fact]
    public async Task Two_nodes_deliver_the_same_order()
    {
        await using var second = await TestNode.StartAsync(fixture.Node.Backing);
        var (ann, bob) = (NodeFixture.Name("ann"), NodeFixture.Name("bob"));
        var roomId = await fixture.RoomAsync(ann);
        await using var here = await fixture.Node.ConnectAsync(ann);
        await using var there = await second.ConnectAsync(bob);
        await here.AskAsync(new { event_type = "subscribe", room_id = roomId });
        await there.AskAsync(new { event_type = "subscribe", room_id = roomId });
        const int each = 100;
        for (var i = 0; i < each; i++)
        {
            await here.SendAsync(new { event_type = "chat_message", room_id = roomId, content = $"a{i}" });
            await there.SendAsync(new { event_type = "chat_message", room_id = roomId, content = $"b{i}" });
        }
        var orders = new List<string>[] { [], [] };
        foreach (var (client, order) in new[] { (here, orders[0]), (there, orders[1]) })
            for (var i = 0; i < 2 * each; i++)
            {
                var message = await client.NextAsync("chat_message");
                order.Add($"{message.GetProperty("seq")} {message.GetProperty("content")}");
            }
        Assert.Equal(orders[0], orders[1]);
    }

    [Fact]
    public async Task A_removed_member_gets_nothing_after_its_leave()
    {
        var (ann, bob) = (NodeFixture.Name("ann"), NodeFixture.Name("bob"));
        var roomId = await fixture.RoomAsync(ann);
        await using var owner = await fixture.Node.ConnectAsync(ann);
        await using var member = await fixture.Node.ConnectAsync(bob);
        await owner.AskAsync(new { event_type = "subscribe", room_id = roomId });
        await member.AskAsync(new { event_type = "subscribe", room_id = roomId });
        using (var http = fixture.Node.Http(ann))
        using (var answer = await http.DeleteAsync($"/api/rooms/{roomId}/members/{bob}"))
            Assert.True(answer.IsSuccessStatusCode, await answer.Content.ReadAsStringAsync());

        var gone = await member.NextAsync("unsubscribed");
        Assert.Equal((roomId, "removed"), (gone.GetProperty("room_id").GetString(), gone.GetProperty("reason").GetString()));
        await owner.NextAsync("user_leave");
        await SendAsync(owner, roomId, "secret");
        await owner.NextAsync("chat_message");
        Assert.Equal("pong", (await member.AskAsync(new { event_type = "ping" })).GetProperty("event_type").GetString());
        Assert.Null(member.TryTakeUnread("chat_message"));
    }

    private static async Task<long> SendAsync(TestClient client, string roomId, string content) =>
        (await client.AskAsync(new { event_type = "chat_message", room_id = roomId, content })).GetProperty("seq").GetInt64();

    private static List<long> Seqs(JsonElement ack) => [.. ack.GetProperty("events").EnumerateArray().Select(e => e.GetProperty("seq").GetInt64())];
}
