using System.Collections.Concurrent;
using Chat.Client;
using Chat.Contracts;
using Chat.Contracts.Api;
using Chat.Tests.Clients;
using Chat.Tests.EndToEnd;

namespace Chat.Tests.Client;

/// <summary>What goes out, when and how often, against a server whose every frame the test writes.</summary>
public abstract class SendTests
{
    private Wire Wire => OnWireAttribute.Of(GetType());

    [Fact]
    [Trait(Behaviours.Trait, "sends-once")]
    public async Task A_message_whose_ack_was_lost_is_repeated_with_the_same_client_id()
    {
        await using var server = await ScriptedServer.StartAsync(Wire);
        var (client, peer) = await ClientUnderTest.ConnectAsync(server);
        await using var _ = client;
        var sending = client.Connection.SendMessageAsync("lobby", "hello");
        var first = await peer.ExpectAsync("chat_message");
        peer.Drop();
        var second = await server.AcceptAsync();
        var again = await second.ExpectAsync("chat_message");
        await second.AckMessageAsync(again, 7);
        var receipt = await sending.Within("the receipt");

        var clientId = first.GetProperty("client_id").GetString()!;
        Assert.True(EventId.IsVersion7(clientId, out var _));
        Assert.Equal(clientId, again.GetProperty("client_id").GetString());
        Assert.Equal((7, clientId, "lobby"), (receipt.Seq, receipt.ClientId, receipt.RoomId));
    }

    [Fact]
    [Trait(Behaviours.Trait, "outbox-waits")]
    public async Task A_message_sent_without_a_connection_goes_out_with_the_next_one()
    {
        await using var server = await ScriptedServer.StartAsync(Wire);
        await using var client = new ClientUnderTest(server.Options());
        var sending = client.Connection.SendMessageAsync("lobby", "early", new SendOptions { ClientId = "mine", ContentType = "text/markdown", ReplyTo = "r" });
        var starting = client.Connection.StartAsync();
        var peer = await server.AcceptAsync();
        var command = await peer.ExpectAsync("chat_message");
        Assert.Equal(("mine", "text/markdown", "r"), (command.GetProperty("client_id").GetString(), command.GetProperty("content_type").GetString(), command.GetProperty("reply_to").GetString()));
        await peer.AckMessageAsync(command, 1);
        await starting.Within("a connection");
        await sending.Within("the receipt");
    }

    [Fact]
    [Trait(Behaviours.Trait, "sends-in-order")]
    public async Task Messages_of_one_room_go_out_one_after_the_other_also_when_one_is_put_off()
    {
        await using var server = await ScriptedServer.StartAsync(Wire);
        var (client, peer) = await ClientUnderTest.ConnectAsync(server);
        await using var _ = client;
        var progress = new ConcurrentQueue<SendProgress>();
        var a = client.Connection.SendMessageAsync("lobby", "a", new SendOptions { Progress = progress.Enqueue });
        var b = client.Connection.SendMessageAsync("lobby", "b");
        await peer.RefuseAsync(await peer.ExpectAsync("chat_message"), ErrorCodes.RateLimited, retryAfterMs: 30);
        var again = await peer.ExpectAsync("chat_message");
        Assert.Equal("a", again.GetProperty("content").GetString());
        await peer.AckMessageAsync(again, 1);
        var next = await peer.ExpectAsync("chat_message");
        Assert.Equal("b", next.GetProperty("content").GetString());
        await peer.AckMessageAsync(next, 2);

        Assert.Equal((1, 2), ((await a.Within("receipt of a")).Seq, (await b.Within("receipt of b")).Seq));
        Assert.Equal([SendStage.Queued, SendStage.Sent, SendStage.Waiting, SendStage.Sent], progress.Select(p => p.Stage));
        var waiting = progress.Single(p => p.Stage == SendStage.Waiting);
        Assert.Equal(ErrorCodes.RateLimited, waiting.Code);
        Assert.NotNull(waiting.RetryAt);
    }

    [Fact]
    public async Task A_room_that_waits_does_not_hold_up_another_one()
    {
        await using var server = await ScriptedServer.StartAsync(Wire);
        var (client, peer) = await ClientUnderTest.ConnectAsync(server);
        await using var _ = client;
        var stuck = client.Connection.SendMessageAsync("one", "a");
        await peer.ExpectAsync("chat_message");
        var other = client.Connection.SendMessageAsync("two", "b");
        await peer.AckMessageAsync(await peer.ExpectAsync("chat_message"), 1);
        await other.Within("the receipt of the other room");
        Assert.False(stuck.IsCompleted);
    }

    [Fact]
    [Trait(Behaviours.Trait, "send-refused")]
    public async Task A_refused_message_fails_with_its_code_and_the_next_one_goes_out()
    {
        await using var server = await ScriptedServer.StartAsync(Wire);
        var (client, peer) = await ClientUnderTest.ConnectAsync(server);
        await using var _ = client;
        var refused = client.Connection.SendMessageAsync("lobby", "a");
        var next = client.Connection.SendMessageAsync("lobby", "b");
        await peer.RefuseAsync(await peer.ExpectAsync("chat_message"), ErrorCodes.Forbidden);
        await peer.AckMessageAsync(await peer.ExpectAsync("chat_message"), 1);
        Assert.Equal(ErrorCodes.Forbidden, (await Assert.ThrowsAsync<ChatException>(() => refused.Within("the refusal"))).Code);
        await next.Within("the receipt");
    }

    [Fact]
    [Trait(Behaviours.Trait, "sends-once")]
    public async Task An_unanswered_message_is_repeated_on_the_same_connection()
    {
        await using var server = await ScriptedServer.StartAsync(Wire);
        var (client, peer) = await ClientUnderTest.ConnectAsync(server, server.Options(requestTimeout: TimeSpan.FromSeconds(2)));
        await using var _ = client;
        var sending = client.Connection.SendMessageAsync("lobby", "a");
        var first = await peer.ExpectAsync("chat_message");
        var again = await peer.ExpectAsync("chat_message");
        Assert.Equal(first.GetProperty("client_id").GetString(), again.GetProperty("client_id").GetString());
        await peer.AckMessageAsync(again, 3);
        Assert.Equal(3, (await sending.Within("the receipt")).Seq);
    }

    [Fact]
    [Trait(Behaviours.Trait, "outbox-bounded")]
    public async Task A_full_outbox_refuses_at_once()
    {
        await using var server = await ScriptedServer.StartAsync(Wire);
        await using var client = new ClientUnderTest(server.Options(maxPendingSends: 2));
        var waiting = new[] { client.Connection.SendMessageAsync("one", "a"), client.Connection.SendMessageAsync("two", "b") };
        var refused = await Assert.ThrowsAsync<ChatException>(() => client.Connection.SendMessageAsync("one", "c"));
        Assert.Equal(ErrorCodes.Unavailable, refused.Code);
        Assert.All(waiting, task => Assert.False(task.IsCompleted));
    }

    [Fact]
    public async Task A_given_up_message_is_not_sent_any_more()
    {
        await using var server = await ScriptedServer.StartAsync(Wire);
        await using var client = new ClientUnderTest(server.Options());
        using var giveUp = new CancellationTokenSource();
        var given = client.Connection.SendMessageAsync("lobby", "a", cancellationToken: giveUp.Token);
        var kept = client.Connection.SendMessageAsync("lobby", "b");
        await giveUp.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => given.Within("the end of the message"));
        var starting = client.Connection.StartAsync();
        var peer = await server.AcceptAsync();
        var command = await peer.ExpectAsync("chat_message");
        Assert.Equal("b", command.GetProperty("content").GetString());
        await peer.AckMessageAsync(command, 1);
        await kept.Within("the receipt");
        await starting;
    }

    [Fact]
    public async Task A_direct_message_names_its_recipient_and_returns_its_room()
    {
        await using var server = await ScriptedServer.StartAsync(Wire);
        var (client, peer) = await ClientUnderTest.ConnectAsync(server);
        await using var _ = client;
        var sending = client.Connection.SendDirectMessageAsync("u2", "psst");
        var command = await peer.ExpectAsync("direct_message");
        Assert.Equal("u2", command.GetProperty("user_id").GetString());
        await peer.AckMessageAsync(command, 1);
        Assert.Equal("dm.1", (await sending.Within("the receipt")).RoomId);
    }

    [Fact]
    [Trait(Behaviours.Trait, "changes")]
    public async Task Every_command_that_makes_an_event_carries_its_fields_and_a_client_id()
    {
        await using var server = await ScriptedServer.StartAsync(Wire);
        var (client, peer) = await ClientUnderTest.ConnectAsync(server);
        await using var _ = client;
        var chat = client.Connection;
        (Func<Task<SendReceipt>> Send, string Type, string Fields)[] commands =
        [
            (() => chat.SendDataAsync("lobby", "{}"), "data_update", "content={}"),
            (() => chat.EditMessageAsync("lobby", "e1", "new"), "edit_message", "content=new target_id=e1"),
            (() => chat.DeleteMessageAsync("lobby", "e1"), "delete_message", "target_id=e1"),
            (() => chat.ReactAsync("lobby", "e1", "+1"), "react", "content=+1 target_id=e1"),
            (() => chat.ReactAsync("lobby", "e1", "+1", remove: true), "react", "content=+1 remove=True target_id=e1"),
        ];
        foreach (var (send, type, fields) in commands)
        {
            var sending = send();
            var command = await peer.ExpectAsync(type);
            var written = command.EnumerateObject().Where(field => field.Name is not ("event_type" or "id" or "room_id" or "client_id"))
                .OrderBy(field => field.Name, StringComparer.Ordinal).Select(field => $"{field.Name}={field.Value}");
            Assert.Equal(fields, string.Join(' ', written));
            await peer.AckMessageAsync(command, 1);
            Assert.Equal(command.GetProperty("client_id").GetString(), (await sending.Within("the receipt")).ClientId);
        }
    }

    [Theory]
    [InlineData('a', 24_001, ErrorCodes.TooLarge)]
    [InlineData('"', 24_000, ErrorCodes.TooLarge)]
    [InlineData('\ud800', 1, ErrorCodes.BadRequest)]
    [Trait(Behaviours.Trait, "impossible-text")]
    public async Task Text_for_which_the_server_would_close_the_connection_is_refused_before_it_goes_out(char character, int count, string code)
    {
        await using var server = await ScriptedServer.StartAsync(Wire);
        await using var client = new ClientUnderTest(server.Options());
        var refused = await Assert.ThrowsAsync<ChatException>(() => client.Connection.SendMessageAsync("lobby", new string(character, count)));
        Assert.Equal(code, refused.Code);
    }
}

[OnWire(Wire.WebSocket)]
public sealed class WebSocketSendTests : SendTests;

[OnWire(Wire.SignalR)]
public sealed class SignalRSendTests : SendTests;

[OnWire(Wire.SignalRMessagePack)]
public sealed class MessagePackSendTests : SendTests;
