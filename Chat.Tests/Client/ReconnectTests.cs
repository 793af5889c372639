using System.Net.WebSockets;
using Chat.Client;
using Chat.Client.Connecting;
using Chat.Contracts;
using Chat.Tests.Clients;
using Chat.Tests.EndToEnd;
using Microsoft.Extensions.Time.Testing;

namespace Chat.Tests.Client;

/// <summary>How connections begin, end and come back, against a server whose every frame the test writes.</summary>
public abstract class ReconnectTests
{
    private Wire Wire => OnWireAttribute.Of(GetType());

    [Theory]
    [InlineData(CloseCodes.PolicyViolation, ClosedReason.Policy, ErrorCodes.Forbidden)]
    [InlineData(CloseCodes.TooManyConnections, ClosedReason.TooManyConnections, ErrorCodes.Unavailable)]
    [Trait(Behaviours.Trait, "close-codes")]
    public async Task A_close_that_forbids_coming_back_is_the_end(int code, ClosedReason reason, string error)
    {
        await using var server = await ScriptedServer.StartAsync(Wire);
        var (client, peer) = await ClientUnderTest.ConnectAsync(server);
        await using var _ = client;
        var sending = client.Connection.SendMessageAsync("lobby", "a");
        await peer.ExpectAsync("chat_message");
        await peer.CloseAsync(code, "stay away");
        await client.ExpectClosedAsync(reason);
        Assert.Equal(("stay away", code), (client.Connection.State.Reason, client.Connection.State.CloseCode));
        Assert.Equal(error, (await Assert.ThrowsAsync<ChatException>(() => sending.Within("the end of the message"))).Code);
        Assert.Equal(error, (await Assert.ThrowsAsync<ChatException>(() => client.Connection.GetHistoryAsync("lobby").Within("the end of the command"))).Code);
        Assert.False(server.HasWaitingPeer);
    }

    [Theory]
    [InlineData(CloseCodes.GoingAway)]
    [InlineData(CloseCodes.InternalError)]
    [InlineData(CloseCodes.ServiceRestart)]
    [InlineData(CloseCodes.TryAgainLater)]
    [InlineData(CloseCodes.SessionExpired)]
    [InlineData(CloseCodes.SlowConsumer)]
    [Trait(Behaviours.Trait, "close-codes")]
    [Trait(Behaviours.Trait, "session-expired")]
    public async Task Every_other_close_leads_to_a_new_connection(int code)
    {
        await using var server = await ScriptedServer.StartAsync(Wire);
        var (client, peer) = await ClientUnderTest.ConnectAsync(server);
        await using var _ = client;
        await peer.CloseAsync(code);
        await server.AcceptAsync();
        await Await.UntilAsync(() => client.States.Count(s => s.Status == ConnectionStatus.Connected) == 2, "a connection again");
        Assert.Equal(code, client.States.First(s => s.Status == ConnectionStatus.Reconnecting).CloseCode);
    }

    [Fact]
    [Trait(Behaviours.Trait, "close-codes")]
    [Trait(Behaviours.Trait, "sends-once")]
    public async Task What_is_under_way_when_the_server_closes_is_repeated_on_the_next_connection()
    {
        await using var server = await ScriptedServer.StartAsync(Wire);
        var (client, peer) = await ClientUnderTest.ConnectAsync(server);
        await using var _ = client;
        var sending = client.Connection.SendMessageAsync("lobby", "a");
        var first = await peer.ExpectAsync("chat_message");
        var reading = client.Connection.GetHistoryAsync("lobby");
        await peer.ExpectAsync("history");
        await peer.CloseAsync(CloseCodes.ServiceRestart, "restart");
        var second = await server.AcceptAsync();
        for (var left = 2; left > 0; left--)
        {
            var again = await second.ExpectAsync();
            if (again.GetProperty("event_type").GetString() == "history")
            {
                await second.AckAsync(again, "\"events\":[],\"head_seq\":0,\"has_more\":false");
                continue;
            }
            Assert.Equal(first.GetProperty("client_id").GetString(), again.GetProperty("client_id").GetString());
            await second.AckMessageAsync(again, 1);
        }
        Assert.Equal(1, (await sending.Within("the receipt")).Seq);
        await reading.Within("the page");
        await Await.UntilAsync(() => client.States.Count(s => s.Status == ConnectionStatus.Connected) == 2, "the new connection to be told");
        Assert.Equal(CloseCodes.ServiceRestart, client.States.First(s => s.Status == ConnectionStatus.Reconnecting).CloseCode);
    }

    [Theory]
    [InlineData(503)]
    [InlineData(429)]
    [Trait(Behaviours.Trait, "back-off")]
    public async Task A_server_that_says_when_to_come_back_is_left_alone_until_then(int status)
    {
        var time = new FakeTimeProvider();
        await using var server = await ScriptedServer.StartAsync(Wire);
        (server.RetryAfter, server.Refusals) = (7, new([status]));
        await using var client = new ClientUnderTest(server.Options(time: time));
        var starting = client.Connection.StartAsync();
        await Await.UntilAsync(() => client.States.Any(s => s.Status == ConnectionStatus.Reconnecting), "the refusal");
        var next = client.States.First(s => s.Status == ConnectionStatus.Reconnecting).NextAttemptAt!.Value;
        Assert.InRange(next - time.GetUtcNow(), TimeSpan.FromSeconds(7), TimeSpan.FromSeconds(8));
        Assert.Single(server.Tokens);
        time.SetUtcNow(next);
        await server.AcceptAsync();
        await starting.Within("a connection");
    }

    [Fact]
    [Trait(Behaviours.Trait, "refused-token")]
    public async Task A_refused_token_is_refreshed_once()
    {
        await using var server = await ScriptedServer.StartAsync(Wire);
        server.Refusals.Enqueue(401);
        var tokens = new Queue<string>(["old", "new"]);
        var (client, _) = await ClientUnderTest.ConnectAsync(server, server.Options(_ => Task.FromResult<string?>(tokens.Dequeue())));
        await using var _1 = client;
        Assert.Equal(["old", "new"], server.Tokens);
    }

    [Fact]
    [Trait(Behaviours.Trait, "refused-token")]
    public async Task A_token_that_is_refused_again_ends_the_connection_as_signed_out()
    {
        await using var server = await ScriptedServer.StartAsync(Wire);
        for (var i = 0; i < 10; i++) server.Refusals.Enqueue(401);
        await using var client = new ClientUnderTest(server.Options());
        var failure = await Assert.ThrowsAsync<ChatException>(() => client.Connection.StartAsync().Within("the end"));
        Assert.Equal(ErrorCodes.Unauthorized, failure.Code);
        await client.ExpectClosedAsync(ClosedReason.SignedOut);
        Assert.Single(server.Tokens);
    }

    [Fact]
    public async Task Without_a_token_nobody_is_signed_in_and_nothing_is_sent()
    {
        await using var server = await ScriptedServer.StartAsync(Wire);
        await using var client = new ClientUnderTest(server.Options(_ => Task.FromResult<string?>(null)));
        await Assert.ThrowsAsync<ChatException>(() => client.Connection.StartAsync().Within("the end"));
        await client.ExpectClosedAsync(ClosedReason.SignedOut);
        Assert.Empty(server.Tokens);
    }

    [Fact]
    public async Task A_token_provider_that_fails_for_a_while_is_asked_again()
    {
        await using var server = await ScriptedServer.StartAsync(Wire);
        var failures = 2;
        var (client, _) = await ClientUnderTest.ConnectAsync(
            server, server.Options(_ => failures-- > 0 ? throw new HttpRequestException("no route") : Task.FromResult<string?>("token")));
        await using var _1 = client;
        await Await.UntilAsync(() => client.States.Any(s => s is { Status: ConnectionStatus.Reconnecting, Reason: "no route" }), "the failure to be told");
    }

    [Fact]
    public async Task A_server_that_is_away_is_tried_again_with_a_growing_count()
    {
        await using var server = await ScriptedServer.StartAsync(Wire);
        foreach (var status in (int[])[502, 503, 404]) server.Refusals.Enqueue(status);
        var (client, _) = await ClientUnderTest.ConnectAsync(server);
        await using var _1 = client;
        await Await.UntilAsync(() => client.States.Any(s => s.Status == ConnectionStatus.Connected), "the connection to be told");
        var attempts = client.States.Where(s => s.Status == ConnectionStatus.Reconnecting).Select(s => s.Attempt).ToArray();
        Assert.Equal(3, attempts.Length);
        Assert.Equal(attempts.Order(), attempts);
    }

    [Fact]
    [Trait(Behaviours.Trait, "moves")]
    public async Task A_node_that_drains_is_left_when_it_says_so()
    {
        await using var server = await ScriptedServer.StartAsync(Wire);
        var (client, peer) = await ClientUnderTest.ConnectAsync(server);
        await using var _ = client;
        await client.SubscribeAsync(peer, head: 3);
        await peer.SendAsync("""{"event_type":"reconnect","after_ms":20}""");
        var second = await server.AcceptAsync();
        Assert.Equal(3, (await second.ExpectAsync("subscribe")).GetProperty("since_seq").GetInt64());
        await peer.Ended.Within("the close of the old connection");
        Assert.DoesNotContain(client.Events, e => e.EventType == EventTypes.Reconnect);
    }

    [Fact]
    [Trait(Behaviours.Trait, "moves")]
    public async Task A_node_that_closes_before_the_time_that_it_gave_is_not_come_back_to_any_earlier()
    {
        var time = new FakeTimeProvider();
        await using var server = await ScriptedServer.StartAsync(Wire);
        var (client, peer) = await ClientUnderTest.ConnectAsync(server, server.Options(time: time));
        await using var _ = client;
        await peer.SendAsync("""{"event_type":"reconnect","after_ms":5000}""");
        await peer.CloseAsync(CloseCodes.ServiceRestart, "restart");
        await Await.UntilAsync(() => client.States.Any(s => s.Status == ConnectionStatus.Reconnecting), "the end of the connection");
        var state = client.States.First(s => s.Status == ConnectionStatus.Reconnecting);
        Assert.Equal(CloseCodes.ServiceRestart, state.CloseCode);
        Assert.InRange(state.NextAttemptAt!.Value - time.GetUtcNow(), TimeSpan.FromSeconds(5), TimeSpan.FromSeconds(6));
        Assert.False(server.HasWaitingPeer);
        time.SetUtcNow(state.NextAttemptAt.Value);
        await server.AcceptAsync();
    }

    [Fact]
    [Trait(Behaviours.Trait, "moves")]
    public async Task Who_moves_and_is_turned_away_waits_neither_as_long_as_that_node_asks_nor_as_if_the_platform_were_overloaded()
    {
        await using var server = await ScriptedServer.StartAsync(Wire);
        var (client, peer) = await ClientUnderTest.ConnectAsync(server);
        await using var _ = client;
        (server.RetryAfter, server.Refusals) = (3600, new([503]));
        await peer.SendAsync("""{"event_type":"reconnect","after_ms":20}""");
        await server.AcceptAsync();
        await Await.UntilAsync(() => client.States.Count(s => s.Status == ConnectionStatus.Connected) == 2, "a connection again");
        Assert.Equal([1, 2], client.States.Where(s => s.Status == ConnectionStatus.Reconnecting).Select(s => s.Attempt));
    }

    [Fact]
    [Trait(Behaviours.Trait, "moves")]
    public async Task Who_moves_and_is_turned_away_again_and_again_takes_it_for_the_platform_s_word()
    {
        await using var server = await ScriptedServer.StartAsync(Wire);
        var (client, peer) = await ClientUnderTest.ConnectAsync(server);
        await using var _ = client;
        (server.RetryAfter, server.Refusals) = (120, new([503, 503, 503, 503]));
        await peer.SendAsync("""{"event_type":"reconnect","after_ms":20}""");

        await Await.UntilAsync(() => client.States.Count(s => s.Status == ConnectionStatus.Reconnecting) == 5, "the end of the connection and four refusals");
        var next = client.States.Last(s => s.Status == ConnectionStatus.Reconnecting).NextAttemptAt!.Value;
        Assert.InRange(next - DateTimeOffset.UtcNow, TimeSpan.FromSeconds(60), TimeSpan.FromSeconds(130));
    }

    [Fact]
    [Trait(Behaviours.Trait, "history")]
    public async Task A_command_waits_for_the_connection_and_is_repeated_on_the_next()
    {
        await using var server = await ScriptedServer.StartAsync(Wire);
        var (client, peer) = await ClientUnderTest.ConnectAsync(server);
        await using var _ = client;
        var reading = client.Connection.GetHistoryAsync("lobby", beforeSeq: 9, limit: 2);
        await peer.ExpectAsync("history");
        peer.Drop();
        var second = await server.AcceptAsync();
        await second.AckAsync(await second.ExpectAsync("history"), $"\"events\":[{ScriptedPeer.Message(7)},{ScriptedPeer.Message(8)}],\"head_seq\":9,\"has_more\":true");
        var page = await reading.Within("the page");
        Assert.Equal([7L, 8L], page.Events.Select(e => e.Seq!.Value));
        Assert.Equal((9, true), (page.HeadSeq, page.HasMore));
    }

    [Fact]
    [Trait(Behaviours.Trait, "silence")]
    public async Task A_network_that_swallows_everything_is_noticed_by_unanswered_pings()
    {
        await using var server = await ScriptedServer.StartAsync(Wire);
        server.Swallows = true;
        // Time enough for a busy machine to read the welcome before the first ping is given up.
        await using var client = new ClientUnderTest(
            server.Options(keepAliveInterval: TimeSpan.FromSeconds(1), keepAliveTimeout: TimeSpan.FromSeconds(2)));
        var starting = client.Connection.StartAsync();
        await server.AcceptAsync();
        await starting.Within("a connection");
        await server.AcceptAsync();
    }

    [Fact]
    [Trait(Behaviours.Trait, "unusable-frame")]
    public async Task A_frame_that_cannot_be_read_leads_to_a_new_connection()
    {
        await using var server = await ScriptedServer.StartAsync(Wire);
        var (client, peer) = await ClientUnderTest.ConnectAsync(server);
        await using var _ = client;
        await peer.SendAsync("""{"event_type":"chat_message","seq":"one"}""");
        await server.AcceptAsync();
    }

    [Fact]
    [Trait(Behaviours.Trait, "unusable-frame")]
    public async Task An_answer_that_cannot_be_used_leads_to_a_new_connection_on_which_the_command_is_repeated()
    {
        await using var server = await ScriptedServer.StartAsync(Wire);
        var (client, peer) = await ClientUnderTest.ConnectAsync(server);
        await using var _ = client;
        var subscribing = client.Connection.SubscribeAsync("lobby", sinceSeq: 1);
        await peer.AckAsync(await peer.ExpectAsync("subscribe"), "\"room_id\":\"lobby\",\"head_seq\":2,\"recovered\":true,\"events\":[null]");
        var second = await server.AcceptAsync();
        await second.AckSubscribeAsync(await second.ExpectAsync("subscribe"), head: 2, events: [ScriptedPeer.Message(2)]);
        await subscribing.Within("the subscription");
        await client.ExpectSeqsAsync(2);
    }

    [Fact]
    [Trait(Behaviours.Trait, "handlers")]
    public async Task A_handler_that_throws_stops_nothing()
    {
        await using var server = await ScriptedServer.StartAsync(Wire);
        var (client, peer) = await ClientUnderTest.ConnectAsync(server);
        await using var _ = client;
        var later = new List<long>();
        client.Connection.EventReceived += _ => throw new InvalidOperationException("a fault of the application");
        client.Connection.EventReceived += e => later.Add(e.Seq!.Value);
        await client.SubscribeAsync(peer, head: 0);
        await peer.SendAsync(ScriptedPeer.Message(1));
        await peer.SendAsync(ScriptedPeer.Message(2));
        await client.ExpectSeqsAsync(1, 2);
        await client.DisposeAsync(); // the handlers have ended
        Assert.Equal(1, later[0]);
    }

    [Fact]
    public async Task A_slow_handler_stops_the_reading_and_loses_nothing()
    {
        const int Count = 200;
        await using var server = await ScriptedServer.StartAsync(Wire);
        await using var client = new ClientUnderTest(server.Options(maxQueuedEvents: 10));
        using var handlers = new HeldHandlers();
        client.Connection.EventReceived += _ => handlers.Wait();
        var starting = client.Connection.StartAsync();
        var peer = await server.AcceptAsync();
        await starting.Within("a connection");
        await client.SubscribeAsync(peer, head: 0);
        for (var seq = 1; seq <= Count; seq++) await peer.SendAsync(ScriptedPeer.Message(seq));
        var reading = client.Connection.GetHistoryAsync("lobby");
        await peer.AckAsync(await peer.ExpectAsync("history"), "\"events\":[],\"head_seq\":200,\"has_more\":false");
        await Await.UntilAsync(() => client.Connection.Delivery.IsReaderWaiting, "the reader to wait for the handler");
        Assert.Equal(10, client.Connection.Delivery.Waiting);
        // SignalR hands on results and events by separate ways: there a reply may overtake events that wait.
        if (Wire == Wire.WebSocket) Assert.False(reading.IsCompleted, "the reply stands behind events that are not read yet");
        handlers.Release();
        await reading.Within("the reply");
        await client.ExpectSeqsAsync([.. Enumerable.Range(1, Count).Select(i => (long)i)]);
    }

    [Fact]
    [Trait(Behaviours.Trait, "closes")]
    public async Task Disposal_says_goodbye_and_ends_what_waits()
    {
        await using var server = await ScriptedServer.StartAsync(Wire);
        var (client, peer) = await ClientUnderTest.ConnectAsync(server);
        var sending = client.Connection.SendMessageAsync("lobby", "a");
        await peer.ExpectAsync("chat_message");
        await client.DisposeAsync().AsTask().Within("the disposal");
        await peer.Ended.Within("the close");
        Assert.Equal(ErrorCodes.Unavailable, (await Assert.ThrowsAsync<ChatException>(() => sending)).Code);
        Assert.Equal(ClosedReason.Disposed, client.States.Last().ClosedReason);
        await client.DisposeAsync();
    }

    [Fact]
    public async Task Disposal_does_not_wait_for_a_token_provider_that_never_answers()
    {
        await using var server = await ScriptedServer.StartAsync(Wire);
        var asked = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var client = new ClientUnderTest(server.Options(_ =>
        {
            asked.TrySetResult();
            return new TaskCompletionSource<string?>().Task;
        }));
        var starting = client.Connection.StartAsync();
        await asked.Task.Within("the question for a token");
        await client.DisposeAsync().AsTask().Within("the disposal");
        await Assert.ThrowsAsync<ChatException>(() => starting);
    }

    [Fact]
    public async Task A_handler_may_dispose_the_connection()
    {
        await using var server = await ScriptedServer.StartAsync(Wire);
        var (client, peer) = await ClientUnderTest.ConnectAsync(server);
        var disposed = new TaskCompletionSource();
        client.Connection.EventReceived += _ =>
        {
            client.Connection.DisposeAsync().AsTask().GetAwaiter().GetResult();
            disposed.SetResult();
        };
        await peer.SendAsync("""{"event_type":"notification","kind":"custom"}""");
        await disposed.Task.Within("the disposal inside the handler");
    }

    [Fact]
    [Trait(Behaviours.Trait, "back-off")]
    public void Delays_double_up_to_the_cap_and_are_fully_random()
    {
        var delays = new ReconnectDelay(TimeSpan.FromMilliseconds(250), TimeSpan.FromSeconds(15), new Random(1));
        Assert.Equal([250, 500, 1000, 2000, 4000, 8000, 15000, 15000], Enumerable.Range(0, 8).Select(attempt => delays.Bound(attempt).TotalMilliseconds));
        Assert.Equal(15000, delays.Bound(int.MaxValue).TotalMilliseconds);
        var some = Enumerable.Range(0, 1000).Select(_ => delays.After(3).TotalMilliseconds).ToArray();
        Assert.All(some, delay => Assert.InRange(delay, 0, 2000));
        Assert.True(some.Min() < 100 && some.Max() > 1900, "delays spread over the whole range");
    }
}

[OnWire(Wire.WebSocket)]
public sealed class WebSocketReconnectTests : ReconnectTests;

[OnWire(Wire.SignalR)]
public sealed class SignalRReconnectTests : ReconnectTests
{
    // SignalR reads on whatever the handlers do.
    [Fact]
    public async Task A_handler_that_is_far_behind_costs_the_connection_and_the_next_one_goes_on_after_what_was_taken()
    {
        const int Count = 10_100; // more than wait in the transport, the link and the delivery
        await using var server = await ScriptedServer.StartAsync(Wire.SignalR);
        await using var client = new ClientUnderTest(server.Options(maxQueuedEvents: 10));
        using var handlers = new HeldHandlers();
        client.Connection.EventReceived += _ => handlers.Wait();
        var starting = client.Connection.StartAsync();
        var peer = await server.AcceptAsync();
        await starting.Within("a connection");
        await client.SubscribeAsync(peer, head: 0);
        try
        {
            for (var seq = 1; seq <= Count; seq++) await peer.SendAsync(ScriptedPeer.Message(seq));
        }
        catch (WebSocketException)
        {
            // The client has had enough before all were sent.
        }
        await peer.Ended.Within("the end of the connection that is read too slowly");
        handlers.Release();
        var second = await server.AcceptAsync();
        var resume = await second.ExpectAsync("subscribe");
        var taken = resume.GetProperty("since_seq").GetInt64();
        Assert.InRange(taken, 10_000, Count - 1);
        await second.AckSubscribeAsync(resume, head: Count, events: [.. Enumerable.Range((int)taken + 1, Count - (int)taken).Select(seq => ScriptedPeer.Message(seq))]);
        await client.ExpectSeqsAsync([.. Enumerable.Range(1, Count).Select(seq => (long)seq)]);
    }
}

[OnWire(Wire.SignalRMessagePack)]
public sealed class MessagePackReconnectTests : ReconnectTests;
