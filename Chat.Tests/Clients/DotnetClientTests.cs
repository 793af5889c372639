using Chat.Contracts;
using Chat.Tests.Client;
using Chat.Tests.EndToEnd;

namespace Chat.Tests.Clients;

/// <summary>Behaviours of the .NET client that only the whole system shows.</summary>
public abstract class DotnetClientTests(SharedSystem shared)
{
    private readonly ChatSystem _system = shared.System;

    private Wire Wire => OnWireAttribute.Of(GetType());

    [Fact]
    [Trait(Behaviours.Trait, "connects")]
    public async Task A_connection_says_who_the_user_is()
    {
        var ann = await _system.RegisterAsync("ann");
        await using var device = await ann.ConnectAsync(wire: Wire);
        Assert.Equal((ann.UserId, ann.UserName), (device.Connection.Welcome!.UserId, device.Connection.Welcome.UserName));
    }

    [Fact]
    [Trait(Behaviours.Trait, "changes")]
    public async Task Messages_are_edited_deleted_and_reacted_to_and_data_is_sent_in_order()
    {
        var (ann, bob) = (await _system.RegisterAsync("ann"), await _system.RegisterAsync("bob"));
        var room = await ann.CreateRoomAsync();
        await using var writer = await ann.ConnectAsync(wire: Wire);
        await using var reader = await bob.ConnectAsync(wire: Wire);
        await reader.Connection.SubscribeAsync(room).Within("the subscription");
        var id = (await writer.Connection.SendMessageAsync(room, "first").Within("the receipt")).EventId;
        var receipts = await Task.WhenAll(
            writer.Connection.EditMessageAsync(room, id, "second"), writer.Connection.ReactAsync(room, id, "+1"), writer.Connection.ReactAsync(room, id, "+1", remove: true),
            writer.Connection.SendDataAsync(room, "{}"), writer.Connection.DeleteMessageAsync(room, id)).Within("the receipts");
        var deletion = await reader.ExpectAsync(e => e.EventType == EventTypes.MessageDeleted, "the deletion");
        Assert.Equal(id, deletion.TargetId);
        Assert.Equal(
            [EventTypes.MessageEdited, EventTypes.ReactionAdded, EventTypes.ReactionRemoved, EventTypes.DataUpdate, EventTypes.MessageDeleted],
            receipts.Select(receipt => reader.Durable(room).Single(e => e.EventId == receipt.EventId).EventType));
        Assert.Equal(receipts.Select(receipt => receipt.Seq).Order(), receipts.Select(receipt => receipt.Seq));
        await writer.Connection.SendEphemeralDataAsync(room, "live").Within("the command");
        Assert.Null((await reader.ExpectAsync(e => e is { EventType: EventTypes.DataUpdate, Content: "live" }, "the ephemeral update")).Seq);
    }

    [Fact]
    [Trait(Behaviours.Trait, "typing")]
    public async Task Typing_is_told_to_the_others()
    {
        var (ann, bob) = (await _system.RegisterAsync("ann"), await _system.RegisterAsync("bob"));
        var room = await ann.CreateRoomAsync();
        await using var typist = await ann.ConnectAsync(wire: Wire);
        await using var other = await bob.ConnectAsync(wire: Wire);
        await typist.Connection.SubscribeAsync(room).Within("the subscription");
        await other.Connection.SubscribeAsync(room).Within("the subscription");
        await typist.Connection.SetTypingAsync(room, active: true).Within("the command");
        var typing = await other.ExpectAsync(e => e.EventType == EventTypes.Typing && e.RoomId == room, "typing");
        Assert.Equal((ann.UserId, true), (typing.SenderId, typing.Active));
    }

    [Fact]
    [Trait(Behaviours.Trait, "presence")]
    public async Task Presence_says_who_is_online()
    {
        var (ann, bob) = (await _system.RegisterAsync("ann"), await _system.RegisterAsync("bob"));
        var room = await ann.CreateRoomAsync();
        await using var one = await ann.ConnectAsync(wire: Wire);
        await using var two = await bob.ConnectAsync(wire: Wire);
        await one.Connection.SubscribeAsync(room).Within("the subscription");
        await two.Connection.SubscribeAsync(room).Within("the subscription");
        await Await.UntilAsync(async () => (await one.Connection.GetPresenceAsync(room)).Count == 2, () => "two members online");
        var page = await one.Connection.GetPresenceAsync(room).Within("the page");
        Assert.Equal(new[] { ann.UserId, bob.UserId }.Order(), page.Users.Select(user => user.UserId).Order());
        Assert.False(page.HasMore);
    }

    [Fact]
    [Trait(Behaviours.Trait, "read")]
    public async Task A_read_marker_moves_forward_and_the_other_devices_hear_of_it()
    {
        var (ann, bob) = (await _system.RegisterAsync("ann"), await _system.RegisterAsync("bob"));
        var room = await ann.CreateRoomAsync();
        await using var writer = await ann.ConnectAsync(wire: Wire);
        await using var phone = await bob.ConnectAsync(wire: Wire);
        await using var laptop = await bob.ConnectAsync(wire: Wire);
        await phone.Connection.SubscribeAsync(room).Within("the subscription");
        await writer.Connection.SendMessageAsync(room, "one").Within("the receipt");
        var seq = (await writer.Connection.SendMessageAsync(room, "two").Within("the receipt")).Seq;
        var receipt = await phone.Connection.MarkReadAsync(room, seq - 1).Within("the marker");
        Assert.Equal((seq - 1, 1), (receipt.Seq, receipt.Unread));
        var read = await laptop.ExpectAsync(e => e.EventType == EventTypes.Read && e.RoomId == room, "the marker on the other device");
        Assert.Equal(seq - 1, read.ReadSeq);
        Assert.Equal(seq - 1, (await laptop.Connection.MarkReadAsync(room, seq - 2).Within("the marker")).Seq);
    }
}

[OnWire(Wire.WebSocket)]
[Collection(SharedSystemTests.Name)]
public sealed class WebSocketClientTests(SharedSystem shared) : DotnetClientTests(shared);

[OnWire(Wire.SignalR)]
[Collection(SharedSystemTests.Name)]
public sealed class SignalRClientTests(SharedSystem shared) : DotnetClientTests(shared);

[OnWire(Wire.SignalRMessagePack)]
[Collection(SharedSystemTests.Name)]
public sealed class MessagePackClientTests(SharedSystem shared) : DotnetClientTests(shared);
