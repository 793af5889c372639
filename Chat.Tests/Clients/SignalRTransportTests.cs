using System.Net;
using Chat.Client;
using Chat.Contracts;
using Chat.Contracts.Api;
using Chat.LoadTest.Faults;
using Chat.Tests.EndToEnd;
using Microsoft.AspNetCore.Http.Connections;

namespace Chat.Tests.Clients;

/// <summary>The .NET client over the hub keeps its promises: the same connection, another way to the platform.</summary>
[Collection(SharedSystemTests.Name)]
public sealed class SignalRTransportTests(SharedSystem shared)
{
    private readonly ChatSystem _system = shared.System;

    [Theory]
    [InlineData(HttpTransportType.WebSockets)]
    [InlineData(HttpTransportType.ServerSentEvents)]
    [InlineData(HttpTransportType.LongPolling)]
    public async Task Every_transport_of_the_hub_sends_receives_reads_and_refuses(HttpTransportType transports)
    {
        var (ann, bob) = (await _system.RegisterAsync("ann"), await _system.RegisterAsync("bob"));
        var (room, closed) = (await ann.CreateRoomAsync(), await bob.CreateRoomAsync(RoomKinds.Private));
        await using var device = await ConnectAsync(ann, await _system.NodeAsync(1), transports);
        await using var other = await bob.ConnectAsync();
        Assert.Equal(ann.UserId, device.Connection.Welcome!.UserId);
        await device.Connection.SubscribeAsync(room).Within("the subscription");
        var mine = await device.Connection.SendMessageAsync(room, "mine").Within("the receipt");
        var theirs = await other.Connection.SendMessageAsync(room, "theirs").Within("the receipt");
        await device.ExpectMessagesAsync(room, 2);
        Assert.Equal([mine.EventId, theirs.EventId], device.Messages(room).Select(message => message.EventId));
        var page = await device.Connection.GetHistoryAsync(room).Within("the page");
        Assert.Equal([mine.Seq, theirs.Seq], page.Events.Where(e => e.EventType == EventTypes.ChatMessage).Select(e => e.Seq!.Value));
        var refused = await Assert.ThrowsAsync<ChatException>(() => device.Connection.SubscribeAsync(closed).Within("the refusal"));
        Assert.Equal(ErrorCodes.NotFound, refused.Code);
    }

    [Fact]
    public async Task A_lost_connection_is_made_anew_and_nothing_is_missing_or_sent_twice()
    {
        const int Count = 30;
        var (ann, bob) = (await _system.RegisterAsync("ann"), await _system.RegisterAsync("bob"));
        var room = await ann.CreateRoomAsync();
        var node = await _system.NodeAsync(1);
        await using var wire = new FaultProxy("wire", new IPEndPoint(IPAddress.Loopback, node.Port));
        await using var device = await ConnectAsync(ann, wire.Address);
        await using var other = await bob.ConnectAsync();
        await device.Connection.SubscribeAsync(room).Within("the subscription");
        var receipts = new List<Task<SendReceipt>>();
        for (var i = 0; i < Count; i++)
        {
            receipts.Add(device.Connection.SendMessageAsync(room, $"{i}"));
            await other.Connection.SendMessageAsync(room, "theirs").Within("the receipt");
            if (i % 10 == 5) wire.Reset();
        }
        await Task.WhenAll(receipts).Within("the receipts");
        await device.ExpectMessagesAsync(room, 2 * Count);
        var mine = device.Messages(room).Where(message => message.SenderId == ann.UserId).Select(message => message.Content);
        Assert.Equal(Enumerable.Range(0, Count).Select(i => $"{i}"), mine);
        var seqs = device.Durable(room).Select(e => e.Seq!.Value).ToList();
        Assert.Equal(Enumerable.Range(0, seqs.Count).Select(i => seqs[0] + i), seqs);
        Assert.Empty(device.Resets);
    }

    [Fact]
    public async Task A_refused_token_and_an_ended_session_sign_out()
    {
        await using var stranger = new ChatConnection(new ChatClientOptions
        {
            BaseAddress = _system.Origin,
            Transport = ChatTransport.SignalR,
            AccessTokenProvider = _ => Task.FromResult<string?>("not a token"),
        });
        var refused = await Assert.ThrowsAsync<ChatException>(() => stranger.StartAsync().Within("the refusal"));
        Assert.Equal((ErrorCodes.Unauthorized, ClosedReason.SignedOut), (refused.Code, stranger.State.ClosedReason));

        var ann = await _system.RegisterAsync("ann");
        var api = new ChatApi(new HttpClient { BaseAddress = _system.Origin });
        var session = await api.LoginAsync(ann.UserName, "correct horse battery");
        await using var connection = new ChatConnection(new ChatClientOptions
        {
            BaseAddress = await _system.NodeAsync(1),
            Transport = ChatTransport.SignalR,
            AccessTokenProvider = _ => Task.FromResult<string?>(session.AccessToken),
        });
        var states = new System.Collections.Concurrent.ConcurrentQueue<ConnectionState>();
        connection.StateChanged += states.Enqueue;
        await connection.StartAsync().Within("a connection");
        await api.LogoutAsync(session.RefreshToken);
        await Await.UntilAsync(() => connection.State is { ClosedReason: ClosedReason.SignedOut }, () => $"signed out (it is {connection.State})");
        await Await.UntilAsync(() => states.Any(state => state.CloseCode == CloseCodes.SessionExpired), "the close code of an expired session to be told");
    }

    private static async Task<Device> ConnectAsync(Person person, Uri node, HttpTransportType transports = HttpTransportType.WebSockets)
    {
        var device = new Device(new ChatClientOptions
        {
            BaseAddress = node,
            Transport = ChatTransport.SignalR,
            ConfigureSignalR = http => http.Transports = transports,
            AccessTokenProvider = async _ => await person.AccessTokenAsync(),
        });
        await device.Connection.StartAsync().Within("a connection");
        return device;
    }
}
