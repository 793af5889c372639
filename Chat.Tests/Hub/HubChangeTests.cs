using System.Text.Json;
using Chat.Tests.Realtime;
using Microsoft.AspNetCore.SignalR;

namespace Chat.Tests.Hub;

/// <summary>Edits, deletions, reactions and data over the hub, in both its protocols.</summary>
[Collection(nameof(NodeCollection))]
public sealed class HubChangeTests(NodeFixture fixture)
{
    private static readonly (string Method, string Command)[] Changes =
        [("EditMessage", "edit_message"), ("React", "react"), ("SendDataUpdate", "data_update"), ("DeleteMessage", "delete_message")];

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_change_is_acked_and_reaches_hub_and_socket_alike(bool messagePack)
    {
        var ann = NodeFixture.Name("ann");
        var roomId = await fixture.RoomAsync(ann);
        await using var hub = await OpenAsync(ann, messagePack);
        await using var socket = await fixture.Node.ConnectAsync(NodeFixture.Name("bob"));
        await socket.AskAsync(new { event_type = "subscribe", room_id = roomId });
        await hub.CallAsync("Subscribe", ("room_id", roomId));
        var target = (await hub.CallAsync("SendMessage", ("room_id", roomId), ("content", "first"))).GetProperty("event_id").GetString();

        await CheckAsync("EditMessage", "message_edited", "zweite 👋");
        await CheckAsync("React", "reaction_added", "👍");
        await CheckAsync("React", "reaction_removed", "👍", ("remove", true));
        await CheckAsync("SendDataUpdate", "data_update", """{"x":1.5}""", ("content_type", "application/json"));
        await CheckAsync("DeleteMessage", "message_deleted", content: null);

        async Task CheckAsync(string method, string eventType, string? content, params (string, object?)[] more)
        {
            var about = method == "SendDataUpdate" ? null : target;
            var ack = await hub.CallAsync(method, [("room_id", roomId), ("target_id", about), ("content", content), ("client_id", eventType), .. more]);
            Assert.Equal((roomId, eventType), (ack.GetProperty("room_id").GetString(), ack.GetProperty("client_id").GetString()));
            var (own, other) = (await hub.NextAsync(eventType), await socket.NextAsync(eventType));
            Assert.Equal(JsonSerializer.Serialize(other), JsonSerializer.Serialize(own));
            foreach (var field in new[] { "event_id", "seq", "epoch", "timestamp" })
                Assert.Equal(ack.GetProperty(field).ToString(), own.GetProperty(field).ToString());
            Assert.Equal((about, content), (Text(own, "target_id"), Text(own, "content")));
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Data_that_is_live_only_has_no_number(bool messagePack)
    {
        var ann = NodeFixture.Name("ann");
        var roomId = await fixture.RoomAsync(ann);
        await using var hub = await OpenAsync(ann, messagePack);
        await hub.CallAsync("Subscribe", ("room_id", roomId));
        var ack = await hub.CallAsync("SendDataUpdate", ("room_id", roomId), ("content", "live"), ("ephemeral", true));
        var received = await hub.NextAsync("data_update");
        Assert.Equal(ack.GetProperty("event_id").GetString(), received.GetProperty("event_id").GetString());
        Assert.False(ack.TryGetProperty("seq", out _) || received.TryGetProperty("seq", out _));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_refused_change_names_its_code(bool messagePack)
    {
        var (ann, bob) = (NodeFixture.Name("ann"), NodeFixture.Name("bob"));
        var (roomId, hidden) = (await fixture.RoomAsync(ann), await fixture.RoomAsync(ann, "private"));
        await using var author = await OpenAsync(ann, messagePack);
        await using var member = await OpenAsync(bob, messagePack);
        await member.CallAsync("Subscribe", ("room_id", roomId));
        var target = (await author.CallAsync("SendMessage", ("room_id", roomId), ("content", "mine"))).GetProperty("event_id").GetString();
        var secret = (await author.CallAsync("SendMessage", ("room_id", hidden), ("content", "mine"))).GetProperty("event_id").GetString();
        var deleted = (await author.CallAsync("SendMessage", ("room_id", roomId), ("content", "gone"))).GetProperty("event_id").GetString();
        await author.CallAsync("DeleteMessage", ("room_id", roomId), ("target_id", deleted));

        await RefusedAsync(member, "forbidden", "EditMessage", roomId, target, "theirs");
        await RefusedAsync(member, "forbidden", "DeleteMessage", roomId, target, null);
        foreach (var hub in new[] { author, member }) await RefusedAsync(hub, "not_found", "React", roomId, deleted, "👍");
        await RefusedAsync(author, "not_found", "EditMessage", roomId, deleted, "again");
        await RefusedAsync(author, "not_found", "DeleteMessage", roomId, Guid.NewGuid().ToString(), null);
        await RefusedAsync(author, "bad_request", "EditMessage", roomId, "no id", "text");
        await RefusedAsync(author, "bad_request", "EditMessage", roomId, target, null);
        await RefusedAsync(author, "bad_request", "DeleteMessage", roomId, null, null);
        await RefusedAsync(author, "bad_request", "React", roomId, target, "");
        await RefusedAsync(author, "bad_request", "SendDataUpdate", roomId, null, null);
        await RefusedAsync(author, "too_large", "SendDataUpdate", roomId, null, new string('x', 24_001));
        foreach (var (method, _) in Changes) await RefusedAsync(member, "not_found", method, hidden, secret, "text");
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_change_repeated_over_the_other_transport_gets_the_first_ack_and_makes_no_second_event(bool messagePack)
    {
        var ann = NodeFixture.Name("ann");
        var roomId = await fixture.RoomAsync(ann);
        await using var hub = await OpenAsync(ann, messagePack);
        await using var socket = await fixture.Node.ConnectAsync(ann);
        foreach (var hubFirst in new[] { true, false })
        {
            var target = (await hub.CallAsync("SendMessage", ("room_id", roomId), ("content", "once"))).GetProperty("event_id").GetString();
            foreach (var (method, command) in Changes)
            {
                var clientId = $"{command}-{hubFirst}";
                var fields = (string content) => new { event_type = command, room_id = roomId, target_id = target, content, client_id = clientId };
                var call = (string content) => hub.CallAsync(method, ("room_id", roomId), ("target_id", target), ("content", content), ("client_id", clientId));
                // The second one is known before anything else is looked at: other content, or a target that is gone, changes nothing.
                var (first, second) = hubFirst ? (await call("👍"), await socket.AskAsync(fields("👎"))) : (await socket.AskAsync(fields("👍")), await call("👎"));
                foreach (var field in new[] { "event_id", "seq", "epoch", "timestamp" })
                    Assert.Equal(first.GetProperty(field).ToString(), second.GetProperty(field).ToString());
            }
        }
        var events = (await hub.CallAsync("GetHistory", ("room_id", roomId), ("limit", 200))).GetProperty("events").EnumerateArray();
        Assert.Equal(2 * Changes.Length, events.Count(e => Text(e, "client_id") is not null));
    }

    private static string? Text(JsonElement from, string name) => from.TryGetProperty(name, out var value) ? value.GetString() : null;

    private static async Task RefusedAsync(HubClient hub, string code, string method, string roomId, string? target, string? content)
    {
        var refused = await Assert.ThrowsAsync<HubException>(() => hub.CallAsync(method, ("room_id", roomId), ("target_id", target), ("content", content)));
        Assert.Contains($"HubException: {code}: ", refused.Message);
    }

    private Task<HubClient> OpenAsync(string user, bool messagePack) => HubClient.OpenAsync(fixture.Node.Address, TestNode.Token(user), messagePack);
}
