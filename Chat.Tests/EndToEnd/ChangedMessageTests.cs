using System.Text.Json;
using Chat.Contracts;
using Chat.Contracts.Api;
using Chat.Tests.Commands;
using Chat.Tests.Realtime;

namespace Chat.Tests.EndToEnd;

[Collection(SharedSystemTests.Name)]
public sealed class ChangedMessageTests(SharedSystem shared)
{
    private readonly ChatSystem _system = shared.System;

    [Fact]
    public async Task Changes_made_through_one_node_are_seen_through_the_other_before_and_after_everything_is_in_the_database()
    {
        var (ann, bob) = (await _system.RegisterAsync("ann"), await _system.RegisterAsync("bob"));
        var room = await ann.CreateRoomAsync();
        await using var writer = await OpenAsync(ann, 1);
        await using var reader = await OpenAsync(bob, 2);
        Assert.Equal("ack", (await reader.AskAsync(new { event_type = "subscribe", room_id = room })).Text("event_type"));
        var (kept, gone) = (await SendAsync("kept"), await SendAsync("gone"));
        // Far more than Redis keeps once they are persisted: the two messages are in Postgres alone when they are changed.
        for (var sent = 0; sent < 300; sent += 50)
            await Task.WhenAll(Enumerable.Range(sent, 50).Select(i => ann.Api.SendMessageAsync(room, new SendMessageRequest { Content = $"{i}" }))).Within("the receipts");
        var filled = await SendAsync("last");
        await Database.PersistedAsync(_system, room, (await reader.NextAsync(e => e.TextOrNull("event_id") == filled, "the last message")).Seq());

        await AckAsync(new { event_type = "edit_message", room_id = room, target_id = kept, content = "edited" });
        await AckAsync(new { event_type = "react", room_id = room, target_id = kept, content = "👍" });
        var deletion = await AckAsync(new { event_type = "delete_message", room_id = room, target_id = gone });
        Assert.Equal(kept, (await reader.NextAsync("message_edited")).Text("target_id"));
        Assert.Equal(kept, (await reader.NextAsync("reaction_added")).Text("target_id"));
        Assert.Equal(gone, (await reader.NextAsync("message_deleted")).Text("target_id"));

        await AssertChangedAsync();
        await Database.PersistedAsync(_system, room, deletion.Seq());
        await AssertChangedAsync();

        async Task AssertChangedAsync()
        {
            var page = await reader.AskAsync(new { event_type = "history", room_id = room, after_seq = 0, limit = 10, state = true });
            var events = page.GetProperty("events").EnumerateArray().ToList();
            Assert.Equal("edited", events.WithId(kept).Text("content"));
            Assert.Equal([ann.UserId], events.WithId(kept).GetProperty("reactions")[0].GetProperty("user_ids").EnumerateArray().Select(user => user.GetString()));
            Assert.True(events.WithId(gone).Has("deleted_at"));
            Assert.False(events.WithId(gone).Has("content"));
            var whole = await Database.HistoryAsync(bob, room);
            Assert.Equal("edited", whole.Single(e => e.EventId == kept).Content);
            Assert.Equal([EventTypes.MessageEdited, EventTypes.ReactionAdded, EventTypes.MessageDeleted], whole.TakeLast(3).Select(e => e.EventType));
        }

        async Task<string> SendAsync(string content) => (await AckAsync(new { event_type = "chat_message", room_id = room, content })).Text("event_id");

        async Task<JsonElement> AckAsync(object command)
        {
            var reply = await writer.AskAsync(command);
            Assert.True(reply.Text("event_type") == "ack", reply.ToString());
            return reply;
        }
    }

    private async Task<TestClient> OpenAsync(Person person, int node) => await TestClient.OpenAsync(await _system.NodeAsync(node), await person.AccessTokenAsync());
}
