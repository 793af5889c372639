using System.Text.Json;
using Chat.Tests.Numbering;
using Chat.Tests.Realtime;

namespace Chat.Tests.Commands;

/// <summary>Reactions and replies, wherever their events are.</summary>
[Collection(nameof(NodeCollection))]
public sealed class StateTests(NodeFixture fixture)
{
    [Fact]
    public async Task Reactions_are_a_set_of_user_and_emoji()
    {
        await using var room = await ChatRoom.CreateAsync(fixture.Node);
        var bob = NodeFixture.Name("bob");
        await using var other = await room.JoinAsync(bob);
        var id = await room.SendAsync("x");
        await room.ReactAsync(id, "👍");
        await room.ReactAsync(id, "👍"); // twice is once
        await room.ReactAsync(id, "👍", by: other);
        await room.ReactAsync(id, "🎉", by: other);
        await room.ReactAsync(id, "🚀");
        await room.ReactAsync(id, "🚀", remove: true);
        await room.ReactAsync(id, "never", remove: true);

        var live = new List<string>();
        for (var i = 0; i < 5; i++) live.Add((await other.NextAsync("reaction_added")).Text("content"));
        Assert.Equal(["👍", "👍", "👍", "🎉", "🚀"], live);
        Assert.Equal("🚀", (await other.NextAsync("reaction_removed")).Text("content"));
        for (var place = 0; place < 3; place++)
        {
            Assert.Equal($"👍 2 True {room.Owner},{bob}; 🎉 1 False {bob}", ReactionsOf((await room.HistoryAsync(state: true)).WithId(id)));
            Assert.Equal($"👍 2 True {room.Owner},{bob}; 🎉 1 True {bob}", ReactionsOf((await room.HistoryAsync(state: true, other)).WithId(id)));
            Assert.Equal($"👍 2 True {room.Owner},{bob}; 🎉 1 False {bob}", ReactionsOf((await room.HttpHistoryAsync("limit=200&state=true")).WithId(id)));
            Assert.False((await room.HistoryAsync()).WithId(id).Has("reactions"));
            if (place == 0) await StandInPersister.CopyAsync(fixture.Node.Services, room.Id);
            if (place == 1) await StandInPersister.MoveAsync(fixture.Node.Services, room.Id);
        }
        // One more that is hot, over those that are in the database.
        await room.ReactAsync(id, "👍", remove: true);
        Assert.Equal($"👍 1 False {bob}; 🎉 1 False {bob}", ReactionsOf((await room.HistoryAsync(state: true)).WithId(id)));
    }

    [Fact]
    public async Task A_message_carries_its_replies_and_who_answered_last()
    {
        await using var room = await ChatRoom.CreateAsync(fixture.Node);
        var users = Enumerable.Range(0, 4).Select(_ => NodeFixture.Name("user")).ToList();
        var root = await room.SendAsync("root");
        var alone = await room.SendAsync("alone");
        var last = default(JsonElement);
        foreach (var user in users)
        {
            await using var client = await room.JoinAsync(user);
            for (var i = 0; i < 2; i++) last = await client.AskAsync(new { event_type = "chat_message", room_id = room.Id, content = "answer", reply_to = root });
        }
        for (var place = 0; place < 3; place++)
        {
            var events = await room.HistoryAsync(state: true);
            var replies = events.WithId(root).GetProperty("replies");
            Assert.Equal((8, last.Text("timestamp")), (replies.GetProperty("count").GetInt32(), replies.Text("last_at")));
            Assert.Equal([users[3], users[2], users[1]], replies.GetProperty("user_ids").EnumerateArray().Select(user => user.GetString()));
            Assert.Equal(0, events.WithId(alone).GetProperty("replies").GetProperty("count").GetInt32());
            Assert.Empty(events.WithId(alone).GetProperty("reactions").EnumerateArray());
            if (place == 0) await StandInPersister.CopyAsync(fixture.Node.Services, room.Id);
            if (place == 1) await StandInPersister.MoveAsync(fixture.Node.Services, room.Id);
        }
        await room.Client.AskAsync(new { event_type = "chat_message", room_id = room.Id, content = "one more", reply_to = root });
        Assert.Equal(9, (await room.HistoryAsync(state: true)).WithId(root).GetProperty("replies").GetProperty("count").GetInt32());
    }

    [Fact]
    public async Task Only_messages_are_unread_and_changes_move_no_marker()
    {
        await using var room = await ChatRoom.CreateAsync(fixture.Node);
        var bob = NodeFixture.Name("bob");
        await using var other = await room.JoinAsync(bob);
        var id = await room.SendAsync("one");
        await room.SendAsync("two");
        await room.EditAsync(id, "one!");
        await room.Client.AskAsync(new { event_type = "data_update", room_id = room.Id, content = "{}" });
        await room.ReactAsync(id, "👍", by: other);

        using var http = fixture.Node.Http(bob);
        var mine = JsonDocument.Parse(await http.GetStringAsync("/api/rooms")).RootElement.EnumerateArray().Single(r => r.Text("room_id") == room.Id);

        Assert.Equal(2, mine.GetProperty("unread").GetInt32());
        Assert.Equal("reaction_added", mine.GetProperty("last_event").Text("event_type"));
    }

    private static string ReactionsOf(JsonElement message) => string.Join("; ", message.GetProperty("reactions").EnumerateArray().Select(reaction =>
        $"{reaction.Text("content")} {reaction.GetProperty("count")} {reaction.GetProperty("me")} {string.Join(',', reaction.GetProperty("user_ids").EnumerateArray())}"));
}
