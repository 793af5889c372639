using Chat.Tests.Realtime;

namespace Chat.Tests.Commands;

[Collection(nameof(NodeCollection))]
public sealed class DataUpdateTests(NodeFixture fixture)
{
    [Fact]
    public async Task A_data_update_is_durable()
    {
        await using var room = await ChatRoom.CreateAsync(fixture.Node);
        var ack = await room.Client.AskAsync(new { event_type = "data_update", room_id = room.Id, content = """{"x":1}""", content_type = "application/json", client_id = "d1" });
        var live = await room.Client.NextAsync("data_update");
        Assert.Equal((ack.Seq(), ack.Text("event_id"), """{"x":1}""", "application/json"), (live.Seq(), live.Text("event_id"), live.Text("content"), live.Text("content_type")));
        Assert.Equal("""{"x":1}""", (await room.HistoryAsync()).WithId(ack.Text("event_id")).Text("content"));
    }

    [Fact]
    public async Task An_ephemeral_one_reaches_the_subscribers_and_no_history()
    {
        await using var room = await ChatRoom.CreateAsync(fixture.Node);
        await using var other = await room.JoinAsync(NodeFixture.Name("bob"));
        var ack = await other.AskAsync(new { event_type = "data_update", room_id = room.Id, content = "42", ephemeral = true, client_id = "d1" });

        Assert.Equal(("ack", room.Id, "d1"), (ack.Text("event_type"), ack.Text("room_id"), ack.Text("client_id")));
        Assert.True(ack.Has("timestamp"));
        Assert.False(ack.Has("seq"));
        foreach (var client in new[] { room.Client, other })
        {
            var live = await client.NextAsync("data_update");
            Assert.Equal((ack.Text("event_id"), "42", "d1"), (live.Text("event_id"), live.Text("content"), live.Text("client_id")));
            Assert.False(live.Has("seq"));
        }
        Assert.DoesNotContain(await room.HistoryAsync(), e => e.Text("event_type") == "data_update");
    }

    [Fact]
    public async Task Every_kind_of_event_counts_against_the_same_limit()
    {
        await using var node = await TestNode.StartAsync(await fixture.BackingAsync(), ("Chat:Limits:Enabled", "true"), ("Chat:Limits:MessagesPerSecond", "1"));
        await using var room = await ChatRoom.CreateAsync(node); // subscribing costs nothing
        var id = await room.SendAsync("x"); // the first of a burst of two
        await room.ReactAsync(id, "👍");
        foreach (var command in new object[]
        {
            new { event_type = "data_update", room_id = room.Id, content = "x", ephemeral = true },
            new { event_type = "data_update", room_id = room.Id, content = "x" },
            new { event_type = "react", room_id = room.Id, target_id = id, content = "x" },
            new { event_type = "edit_message", room_id = room.Id, target_id = id, content = "x" },
        })
        {
            // A slow machine may have earned a token by then: the limit shows within a few tries.
            var reply = await room.Client.AskAsync(command);
            for (var i = 0; i < 20 && reply.Text("event_type") == "ack"; i++) reply = await room.Client.AskAsync(command);
            Assert.Equal("rate_limited", reply.Text("code"));
            Assert.True(reply.GetProperty("retry_after_ms").GetInt32() > 0);
        }
    }
}
