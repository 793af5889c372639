using Chat.Tests.Realtime;

namespace Chat.Tests.Commands;

[Collection(nameof(NodeCollection))]
public sealed class NotificationTests(NodeFixture fixture)
{
    [Fact]
    public async Task Who_is_mentioned_is_told_on_every_connection_without_being_subscribed()
    {
        await using var room = await ChatRoom.CreateAsync(fixture.Node);
        var bob = NodeFixture.Name("bob");
        await using var phone = await fixture.Node.ConnectAsync(bob);
        await using var desk = await fixture.Node.ConnectAsync(bob);
        await room.AddAsync(bob, "member");
        foreach (var client in new[] { phone, desk }) await client.NextAsync("notification"); // the invitation

        var id = await room.SendAsync($"@{bob} and @{room.Owner}: " + new string('x', 300));

        foreach (var client in new[] { phone, desk })
        {
            var told = await client.NextAsync("notification");
            Assert.Equal(("mention", id, room.Id, room.Owner), (told.Text("kind"), told.Text("target_id"), told.Text("room_id"), told.Text("sender_id")));
            Assert.Equal($"Name of {room.Id}", told.Text("title"));
            Assert.Equal(200, told.Text("content").Length);
            Assert.NotEqual(id, told.Text("event_id"));
            Assert.False(told.Has("seq"));
        }
        // To oneself there is nothing to tell: whatever comes after the message's echo and a round trip is none.
        await room.Client.NextAsync("chat_message");
        await room.Client.AskAsync(new { event_type = "ping" });
        Assert.Null(room.Client.TryTakeUnread("notification"));
    }

    [Fact]
    public async Task A_direct_message_notifies_the_other_one()
    {
        var (ann, bob) = (NodeFixture.Name("ann"), NodeFixture.Name("bob"));
        await using var sender = await fixture.Node.ConnectAsync(ann);
        await using var receiver = await fixture.Node.ConnectAsync(bob);
        foreach (var (content, kind) in new[] { ("hello", "direct"), ($"hello @{bob}", "mention") })
        {
            var sent = await sender.AskAsync(new { event_type = "direct_message", user_id = bob, content });
            var told = await receiver.NextAsync("notification");
            Assert.Equal((kind, sent.Text("event_id"), sent.Text("room_id"), ann, content), (told.Text("kind"), told.Text("target_id"), told.Text("room_id"), told.Text("title"), told.Text("content")));
        }
        await sender.NextAsync("chat_message");
        await sender.AskAsync(new { event_type = "ping" });
        Assert.Null(sender.TryTakeUnread("notification"));
    }

    [Fact]
    public async Task Who_is_added_to_a_room_is_invited()
    {
        await using var room = await ChatRoom.CreateAsync(fixture.Node, "private");
        var bob = NodeFixture.Name("bob");
        await using var client = await fixture.Node.ConnectAsync(bob);
        await room.AddAsync(bob, "member");

        var told = await client.NextAsync("notification");
        Assert.Equal(("invitation", room.Id, $"Name of {room.Id}", room.Owner), (told.Text("kind"), told.Text("room_id"), told.Text("title"), told.Text("sender_id")));
        var join = (await room.HistoryAsync()).WithId(told.Text("target_id"));
        Assert.Equal(("user_join", bob), (join.Text("event_type"), join.Text("sender_id")));
    }

    [Fact]
    public async Task A_member_who_wants_no_notifications_of_a_room_gets_none_and_is_mentioned_all_the_same()
    {
        await using var room = await ChatRoom.CreateAsync(fixture.Node);
        var bob = NodeFixture.Name("bob");
        await using var client = await fixture.Node.ConnectAsync(bob);
        await room.AddAsync(bob, "member");
        await client.NextAsync("notification"); // the invitation
        var carol = NodeFixture.Name("carol");
        await using var witness = await room.JoinAsync(carol);

        await ChooseAsync(bob, room.Id, "none");
        var silent = await room.SendAsync($"@{bob} @{carol} one");
        Assert.Equal(silent, (await witness.NextAsync("notification")).Text("target_id")); // by now everybody's choice has been looked at
        await ChooseAsync(bob, room.Id, "mentions");
        var told = await room.SendAsync($"@{bob} two");

        Assert.Equal(told, (await client.NextAsync("notification")).Text("target_id"));
        await AssertNoMoreAsync(client);
        Assert.Contains(bob, (await room.HistoryAsync()).WithId(silent).GetProperty("mentions").EnumerateArray().Select(mentioned => mentioned.GetString()));
    }

    [Fact]
    public async Task A_direct_message_notifies_as_its_receiver_has_chosen()
    {
        var (ann, bob) = (NodeFixture.Name("ann"), NodeFixture.Name("bob"));
        await using var sender = await fixture.Node.ConnectAsync(ann);
        await using var receiver = await fixture.Node.ConnectAsync(bob);
        async Task<(string Room, string Id)> SendAsync(string content)
        {
            var sent = await sender.AskAsync(new { event_type = "direct_message", user_id = bob, content });
            return (sent.Text("room_id"), sent.Text("event_id"));
        }
        var (roomId, first) = await SendAsync("all is the default");
        Assert.Equal(first, (await receiver.NextAsync("notification")).Text("target_id"));

        await ChooseAsync(bob, roomId, "none");
        await SendAsync($"@{bob} none");
        await ChooseAsync(bob, roomId, "mentions");
        await SendAsync("not mentioned");
        var (_, mention) = await SendAsync($"@{bob} mentioned");
        Assert.Equal(mention, (await receiver.NextAsync("notification")).Text("target_id"));
        await ChooseAsync(bob, roomId, "all");
        var (_, last) = await SendAsync("all again");
        Assert.Equal(last, (await receiver.NextAsync("notification")).Text("target_id"));
        await AssertNoMoreAsync(receiver);
    }

    private async Task ChooseAsync(string user, string roomId, string level)
    {
        using var http = fixture.Node.Http(user);
        using var chosen = await http.PutAsync($"/api/rooms/{roomId}/notify", NodeFixture.JsonContent(new { level }));
        Assert.True(chosen.IsSuccessStatusCode, await chosen.Content.ReadAsStringAsync());
    }

    private static async Task AssertNoMoreAsync(TestClient client)
    {
        await client.AskAsync(new { event_type = "ping" });
        Assert.Null(client.TryTakeUnread("notification"));
    }
}
