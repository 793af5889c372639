using Chat.Contracts;
using Chat.Contracts.Api;

namespace Chat.Tests.EndToEnd;

[Collection(SharedSystemTests.Name)]
public sealed class PeopleTests(SharedSystem shared)
{
    private readonly ChatSystem _system = shared.System;

    [Fact]
    public async Task A_member_is_seen_online_on_the_other_node_and_offline_after_the_last_device_is_gone()
    {
        var (ann, bob) = (await _system.RegisterAsync("ann"), await _system.RegisterAsync("bob"));
        var room = await ann.CreateRoomAsync();
        await bob.Api.JoinRoomAsync(room);
        await using var watching = await ann.ConnectAsync(await _system.NodeAsync(1));
        await watching.Connection.SubscribeAsync(room).Within("the subscription");

        var first = await bob.ConnectAsync(await _system.NodeAsync(2));
        var second = await bob.ConnectAsync(await _system.NodeAsync(1));
        await watching.ExpectAsync(e => IsPresence(e, bob, PresenceStatus.Online), "bob to be online");
        Assert.Equal(PresenceStatus.Online, (await watching.Connection.GetPresenceAsync(room)).Users.Single(u => u.UserId == bob.UserId).Status);
        // Each node tells of its own users, in its own rhythm: ann's may come after bob's.
        await Await.UntilAsync(async () => (await watching.Connection.GetPresenceAsync(room)).Count == 2, () => "both online");

        await first.DisposeAsync();
        await second.DisposeAsync();
        await watching.ExpectAsync(e => IsPresence(e, bob, PresenceStatus.Offline), "bob to be offline");
        var page = await watching.Connection.GetPresenceAsync(room).Within("the presence");
        Assert.Equal((1, PresenceStatus.Offline), (page.Count, page.Users.Single(u => u.UserId == bob.UserId).Status));
    }

    [Fact]
    public async Task Typing_reaches_the_other_node()
    {
        var (ann, bob) = (await _system.RegisterAsync("ann"), await _system.RegisterAsync("bob"));
        var room = await ann.CreateRoomAsync();
        await using var watching = await ann.ConnectAsync(await _system.NodeAsync(1));
        await using var typing = await bob.ConnectAsync(await _system.NodeAsync(2));
        await watching.Connection.SubscribeAsync(room).Within("the subscription");
        await typing.Connection.SubscribeAsync(room).Within("the subscription");
        await typing.Connection.SetTypingAsync(room, active: true);
        var told = await watching.ExpectAsync(e => e.EventType == EventTypes.Typing && e.SenderId == bob.UserId, "typing");
        Assert.Equal((room, true, null), (told.RoomId, told.Active, told.Seq));
    }

    [Fact]
    public async Task Unread_messages_are_counted_until_they_are_read_on_any_device()
    {
        var (ann, bob) = (await _system.RegisterAsync("ann"), await _system.RegisterAsync("bob"));
        var room = await ann.CreateRoomAsync();
        await bob.Api.JoinRoomAsync(room);
        await using var phone = await bob.ConnectAsync(await _system.NodeAsync(1));
        await using var desk = await bob.ConnectAsync(await _system.NodeAsync(2));
        SendReceipt last = null!;
        foreach (var i in Enumerable.Range(0, 3)) last = await ann.Api.SendMessageAsync(room, new SendMessageRequest { Content = $"{i}" });

        async Task<int?> UnreadAsync() => (await bob.Api.GetMyRoomsAsync()).Single(r => r.RoomId == room).Unread;
        Assert.Equal(3, await UnreadAsync());
        Assert.Equal(2, (await desk.Connection.MarkReadAsync(room, last.Seq - 2).Within("the marker")).Unread);
        Assert.Equal(0, (await desk.Connection.MarkReadAsync(room, last.Seq).Within("the marker")).Unread);
        Assert.Equal(0, await UnreadAsync());
        await phone.ExpectAsync(e => e.EventType == EventTypes.Read && e.RoomId == room && e.ReadSeq == last.Seq, "the marker on the other device");
    }

    [Fact]
    public async Task A_removed_member_receives_nothing_more()
    {
        var (ann, bob) = (await _system.RegisterAsync("ann"), await _system.RegisterAsync("bob"));
        var room = await ann.CreateRoomAsync(RoomKinds.Private);
        await ann.Api.AddMemberAsync(room, bob.UserId);
        await using var device = await bob.ConnectAsync(await _system.NodeAsync(2));
        await device.Connection.SubscribeAsync(room).Within("the subscription");
        await ann.Api.SendMessageAsync(room, new SendMessageRequest { Content = "seen" });
        await device.ExpectMessagesAsync(room, 1);

        await ann.Api.RemoveMemberAsync(room, bob.UserId);
        await Await.UntilAsync(() => !device.Ended.IsEmpty, "the end of the subscription");
        Assert.Equal(new Chat.Client.SubscriptionEnded(room, "removed"), device.Ended.Single());
        await ann.Api.SendMessageAsync(room, new SendMessageRequest { Content = "not seen" });
        Assert.Equal(ErrorCodes.NotFound, (await Assert.ThrowsAsync<ChatException>(() => device.Connection.GetHistoryAsync(room))).Code);
        Assert.DoesNotContain(device.Messages(room), e => e.Content == "not seen");
    }

    private static bool IsPresence(ChatEvent e, Person who, string status) =>
        e.EventType == EventTypes.Presence && e.SenderId == who.UserId && e.Status == status;
}
