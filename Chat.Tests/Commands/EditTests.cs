using System.Text.Json;
using Chat.Tests.Numbering;
using Chat.Tests.Realtime;

namespace Chat.Tests.Commands;

[Collection(nameof(NodeCollection))]
public sealed class EditTests(NodeFixture fixture)
{
    [Fact]
    public async Task An_edit_is_an_event_of_its_own_and_its_message_carries_the_newest_content_from_then_on()
    {
        await using var room = await ChatRoom.CreateAsync(fixture.Node);
        var id = await room.SendAsync("first");
        var before = (await room.Client.NextAsync("chat_message")).Seq();
        var ack = await room.EditAsync(id, "second");
        var live = await room.Client.NextAsync("message_edited");
        await room.EditAsync(id, "third");
        var newest = await room.Client.NextAsync("message_edited");

        Assert.Equal((ack.Text("event_id"), ack.Seq(), before + 1), (live.Text("event_id"), live.Seq(), live.Seq()));
        Assert.Equal((id, "second", room.Owner), (live.Text("target_id"), live.Text("content"), live.Text("sender_id")));
        foreach (var events in new[] { await room.HistoryAsync(), await room.HttpHistoryAsync(), await room.GapAsync(before - 1) })
        {
            var message = events.WithId(id);
            Assert.Equal(("third", newest.Text("timestamp"), before), (message.Text("content"), message.Text("edited_at"), message.Seq()));
            Assert.Equal(["second", "third"], events.Where(e => e.Text("event_type") == "message_edited").Select(e => e.Text("content")));
        }
    }

    [Fact]
    public async Task A_deleted_message_shows_nothing_any_more_and_neither_do_its_edits()
    {
        await using var room = await ChatRoom.CreateAsync(fixture.Node);
        await using var bob = await room.JoinAsync(NodeFixture.Name("bob"));
        var start = (await room.HistoryAsync())[^1].Seq();
        var id = await room.SendAsync($"secret @{room.Owner}", bob);
        await room.EditAsync(id, "secret too", bob);
        var ack = await room.DeleteAsync(id, bob);
        var live = await room.Client.NextAsync("message_deleted");

        Assert.Equal((ack.Text("event_id"), id), (live.Text("event_id"), live.Text("target_id")));
        Assert.False(live.Has("content"));
        foreach (var events in new[] { await room.HistoryAsync(), await room.HttpHistoryAsync(), await room.GapAsync(start) })
        {
            var message = events.WithId(id);
            Assert.Equal(live.Text("timestamp"), message.Text("deleted_at"));
            Assert.All(new[] { "content", "attachments", "mentions", "edited_at" }, field => Assert.False(message.Has(field), field));
            Assert.DoesNotContain(events, e => e.ToString().Contains("secret"));
            Assert.Equal(["chat_message", "message_edited", "message_deleted"], events.Where(e => e.Seq() > start).Select(e => e.Text("event_type")));
        }
        Assert.Equal("not_found", (await room.EditAsync(id, "x", bob)).Text("code"));
        Assert.Equal("not_found", (await room.ReactAsync(id, "👍", by: bob)).Text("code"));
        Assert.Equal("not_found", (await room.DeleteAsync(id, bob)).Text("code"));
    }

    [Theory]
    [InlineData("author", "edit_message", null)]
    [InlineData("author", "delete_message", null)]
    [InlineData("member", "edit_message", "forbidden")]
    [InlineData("member", "delete_message", "forbidden")]
    [InlineData("member", "react", null)]
    [InlineData("moderator", "edit_message", "forbidden")]
    [InlineData("moderator", "delete_message", null)]
    [InlineData("owner", "edit_message", "forbidden")]
    [InlineData("owner", "delete_message", null)]
    [InlineData("outsider", "edit_message", "forbidden")]
    [InlineData("outsider", "delete_message", "forbidden")]
    [InlineData("outsider", "react", "forbidden")]
    public async Task Each_role_may_do_what_is_its_right(string role, string command, string? refusal)
    {
        await using var room = await ChatRoom.CreateAsync(fixture.Node);
        await using var author = await room.JoinAsync(NodeFixture.Name("author"));
        var user = NodeFixture.Name(role);
        await using var other = await fixture.Node.ConnectAsync(user);
        if (role is "member" or "moderator") await room.AddAsync(user, role);
        var client = role switch { "author" => author, "owner" => room.Client, _ => other };
        var id = await room.SendAsync("mine", author);

        var reply = await client.AskAsync(new { event_type = command, room_id = room.Id, target_id = id, content = "x" });

        Assert.Equal(refusal ?? "none", reply.TextOrNull("code") ?? "none");
        Assert.Equal(refusal is null, (await room.HistoryAsync()).Any(e => e.TextOrNull("target_id") == id));
    }

    [Fact]
    public async Task In_a_direct_room_both_react_and_each_changes_only_their_own()
    {
        var (ann, bob) = (NodeFixture.Name("ann"), NodeFixture.Name("bob"));
        await using var first = await fixture.Node.ConnectAsync(ann);
        await using var second = await fixture.Node.ConnectAsync(bob);
        var sent = await first.AskAsync(new { event_type = "direct_message", user_id = bob, content = "hello" });
        var (room_id, target_id) = (sent.Text("room_id"), sent.Text("event_id"));

        Assert.Equal("forbidden", (await second.AskAsync(new { event_type = "delete_message", room_id, target_id })).Text("code"));
        Assert.Equal("forbidden", (await second.AskAsync(new { event_type = "edit_message", room_id, target_id, content = "x" })).Text("code"));
        Assert.Equal("ack", (await second.AskAsync(new { event_type = "react", room_id, target_id, content = "👍" })).Text("event_type"));
        Assert.Equal("ack", (await first.AskAsync(new { event_type = "edit_message", room_id, target_id, content = "hello!" })).Text("event_type"));
        Assert.Equal("ack", (await first.AskAsync(new { event_type = "delete_message", room_id, target_id })).Text("event_type"));
        // They come without a subscription, as the message did.
        foreach (var client in new[] { first, second })
            foreach (var type in new[] { "chat_message", "reaction_added", "message_edited", "message_deleted" })
                Assert.Equal(room_id, (await client.NextAsync(type)).Text("room_id"));
    }

    [Fact]
    public async Task Only_messages_of_the_same_room_can_be_changed()
    {
        await using var room = await ChatRoom.CreateAsync(fixture.Node);
        var elsewhere = await ChatRoom.CreateAsync(fixture.Node);
        await using var _ = elsewhere;
        await using var bob = await room.JoinAsync(NodeFixture.Name("bob"));
        var join = (await room.Client.NextAsync("user_join")).Text("event_id");
        var data = (await room.Client.AskAsync(new { event_type = "data_update", room_id = room.Id, content = "{}" })).Text("event_id");
        var message = await room.SendAsync("x");
        var edit = (await room.EditAsync(message, "y")).Text("event_id");
        foreach (var target in new[] { await elsewhere.SendAsync("there"), join, data, edit, Guid.NewGuid().ToString() })
        {
            Assert.Equal("not_found", (await room.EditAsync(target, "x")).Text("code"));
            Assert.Equal("not_found", (await room.DeleteAsync(target)).Text("code"));
            Assert.Equal("not_found", (await room.ReactAsync(target, "👍")).Text("code"));
        }
    }

    [Theory]
    [InlineData("""{"event_type":"edit_message","content":"x"}""", "bad_request")]
    [InlineData("""{"event_type":"edit_message","content":"x","target_id":"no uuid"}""", "bad_request")]
    [InlineData("""{"event_type":"edit_message","target_id":"ID"}""", "bad_request")]
    [InlineData("""{"event_type":"edit_message","target_id":"ID","content":""}""", "bad_request")]
    [InlineData("""{"event_type":"edit_message","target_id":"ID","content":"x","client_id":""}""", "bad_request")]
    [InlineData("""{"event_type":"delete_message"}""", "bad_request")]
    [InlineData("""{"event_type":"react","target_id":"ID"}""", "bad_request")]
    [InlineData("""{"event_type":"react","target_id":"ID","content":" "}""", "bad_request")]
    [InlineData("""{"event_type":"react","target_id":"ID","content":"12345678901234567890123456789012345678901234567890123456789012345"}""", "bad_request")]
    [InlineData("""{"event_type":"react","target_id":"ID","content":"a\nb"}""", "bad_request")]
    [InlineData("""{"event_type":"react","target_id":"ID","content":"x","room_id":"absent"}""", "not_found")]
    [InlineData("""{"event_type":"data_update"}""", "bad_request")]
    [InlineData("""{"event_type":"data_update","content":"","ephemeral":true}""", "bad_request")]
    [InlineData("""{"event_type":"data_update","content":"x","room_id":"absent","ephemeral":true}""", "not_found")]
    public async Task A_wrong_command_is_refused_with_its_code(string fields, string code)
    {
        await using var room = await ChatRoom.CreateAsync(fixture.Node);
        var id = await room.SendAsync("x");
        var command = System.Text.Json.Nodes.JsonNode.Parse(fields.Replace("ID", id))!.AsObject();
        command.TryAdd("room_id", room.Id);
        Assert.Equal(code, (await room.Client.AskAsync(command)).Text("code"));
    }

    [Fact]
    public async Task An_edit_is_bounded_as_a_message_is()
    {
        await using var room = await ChatRoom.CreateAsync(fixture.Node);
        var id = await room.SendAsync("x");
        Assert.Equal("too_large", (await room.EditAsync(id, new string('a', 24_001))).Text("code"));
        Assert.Equal("ack", (await room.EditAsync(id, new string('a', 24_000))).Text("event_type"));
    }

    [Theory]
    [InlineData("edit_message")]
    [InlineData("delete_message")]
    [InlineData("react")]
    [InlineData("data_update")]
    public async Task A_repeated_client_id_gets_the_first_ack_whatever_became_of_the_message(string command)
    {
        await using var room = await ChatRoom.CreateAsync(fixture.Node);
        var target_id = await room.SendAsync("x");
        foreach (var client_id in new[] { $"{command}-1", Guid.CreateVersion7().ToString() }.Take(command == "delete_message" ? 1 : 2))
        {
            var first = await room.Client.AskAsync(new { event_type = command, room_id = room.Id, target_id, content = "one", client_id });
            Assert.Equal("ack", first.Text("event_type"));
            if (command != "delete_message" && client_id.Length == 36) await room.DeleteAsync(target_id);
            var again = await room.Client.AskAsync(new { event_type = command, room_id = room.Id, target_id, content = "other", client_id });
            foreach (var field in new[] { "event_id", "seq", "epoch", "timestamp", "client_id", "room_id" })
                Assert.Equal(first.GetProperty(field).ToString(), again.GetProperty(field).ToString());
            Assert.Single(await room.HistoryAsync(), e => e.TextOrNull("client_id") == client_id);
        }
    }

    [Fact]
    public async Task What_is_sent_behind_a_deletion_finds_the_message_deleted()
    {
        await using var room = await ChatRoom.CreateAsync(fixture.Node);
        var target_id = await room.SendAsync("x");
        var deletion = await room.Client.SendAsync(new { event_type = "delete_message", room_id = room.Id, target_id });
        var edit = await room.Client.SendAsync(new { event_type = "edit_message", room_id = room.Id, target_id, content = "y" });
        Assert.Equal("ack", (await room.Client.ReplyAsync(deletion)).Text("event_type"));
        Assert.Equal("not_found", (await room.Client.ReplyAsync(edit)).Text("code"));
    }

    [Fact]
    public async Task An_edit_names_other_members_in_mentions()
    {
        await using var room = await ChatRoom.CreateAsync(fixture.Node);
        var bob = NodeFixture.Name("bob");
        await using var other = await room.JoinAsync(bob);
        var id = await room.SendAsync($"hello @{bob}");
        await room.EditAsync(id, "hello all");
        Assert.False((await other.NextAsync("message_edited")).Has("mentions"));
        Assert.False((await room.HistoryAsync()).WithId(id).Has("mentions"));
        await room.EditAsync(id, $"hello again @{bob}");
        Assert.Equal([bob], (await room.HistoryAsync()).WithId(id).GetProperty("mentions").EnumerateArray().Select(user => user.GetString()));
    }

    [Fact]
    public async Task A_message_that_only_the_database_has_can_be_changed()
    {
        await using var room = await ChatRoom.CreateAsync(fixture.Node);
        var (kept, gone) = (await room.SendAsync("kept"), await room.SendAsync("gone"));
        await StandInPersister.MoveAsync(fixture.Node.Services, room.Id);

        Assert.Equal("ack", (await room.EditAsync(kept, "changed")).Text("event_type"));
        Assert.Equal("ack", (await room.DeleteAsync(gone)).Text("event_type"));
        Assert.Equal("not_found", (await room.ReactAsync(gone, "👍")).Text("code"));
        // The messages are in one place now and their changes in the other; then both are in the database.
        for (var moved = 0; moved < 2; moved++)
        {
            foreach (var events in new[] { await room.HistoryAsync(), await room.HttpHistoryAsync($"limit=200&before_seq={(await room.HistoryAsync())[^2].Seq()}"), await room.GapAsync(0) })
            {
                Assert.Equal("changed", events.WithId(kept).Text("content"));
                Assert.True(events.WithId(gone).Has("deleted_at"));
                Assert.False(events.WithId(gone).Has("content"));
            }
            await StandInPersister.MoveAsync(fixture.Node.Services, room.Id);
            Assert.Equal("not_found", (await room.EditAsync(gone, "x")).Text("code"));
        }
    }

    [Fact]
    public async Task The_reply_to_a_bad_frame_has_its_id_and_comes_once()
    {
        await using var room = await ChatRoom.CreateAsync(fixture.Node);
        await room.Client.SendTextAsync("""{"event_type":"history","limit":-1,"id":"x"}""");
        await room.Client.SendTextAsync("""{"event_type":"dance","id":1}""");
        await room.Client.SendTextAsync("""{"event_type":"ping","id":"last"}""");
        var replies = new List<string>();
        JsonElement reply;
        do replies.Add((reply = await room.Client.NextAsync(frame => frame.Has("id"), "a reply")).GetProperty("id").ToString());
        while (reply.Text("event_type") == "error");
        Assert.Equal(["x", "1", "last"], replies);
    }
}
