using System.Text.Json;
using Chat.Client;
using Chat.Contracts;
using Chat.Tests.Clients;
using Chat.Tests.EndToEnd;

namespace Chat.Tests.Client;

/// <summary>What is resumed, held back and asked for again, against a server whose every frame the test writes.</summary>
public abstract class ResumeTests
{
    private Wire Wire => OnWireAttribute.Of(GetType());

    [Fact]
    [Trait(Behaviours.Trait, "resumes")]
    public async Task A_dropped_connection_is_made_anew_and_resumes_after_the_last_delivered_event()
    {
        await using var server = await ScriptedServer.StartAsync(Wire);
        var (client, peer) = await ClientUnderTest.ConnectAsync(server);
        await using var _ = client;
        await client.SubscribeAsync(peer, head: 4);
        await peer.SendAsync(ScriptedPeer.Message(5));
        await peer.SendAsync(ScriptedPeer.Message(6));
        await client.ExpectSeqsAsync(5, 6);

        peer.Drop();
        var second = await server.AcceptAsync();
        var resume = await second.ExpectAsync("subscribe");
        Assert.Equal(6, resume.GetProperty("since_seq").GetInt64());
        Assert.Equal("0", resume.GetProperty("epoch").GetString());
        await second.AckSubscribeAsync(resume, head: 8, events: [ScriptedPeer.Message(7), ScriptedPeer.Message(8)]);
        await second.SendAsync(ScriptedPeer.Message(9));
        await client.ExpectSeqsAsync(5, 6, 7, 8, 9);

        Assert.Equal([new RoomResumed("lobby")], client.Resumed);
        Assert.Empty(client.Resets);
        Assert.Contains(client.States, state => state is { Status: ConnectionStatus.Reconnecting, NextAttemptAt: not null, Reason: not null });
    }

    [Fact]
    [Trait(Behaviours.Trait, "holds-back")]
    public async Task Events_that_come_twice_or_before_the_ack_are_raised_once_and_in_order()
    {
        await using var server = await ScriptedServer.StartAsync(Wire);
        var (client, peer) = await ClientUnderTest.ConnectAsync(server);
        await using var _ = client;
        var subscribing = client.Connection.SubscribeAsync("lobby", sinceSeq: 2, epoch: "0");
        var command = await peer.ExpectAsync("subscribe");
        await peer.SendAsync(ScriptedPeer.Message(5));
        await peer.SendAsync(ScriptedPeer.Message(4));
        await peer.AckSubscribeAsync(command, head: 4, events: [ScriptedPeer.Message(3), ScriptedPeer.Message(4)]);
        var subscription = await subscribing.Within("the subscription");
        await peer.SendAsync(ScriptedPeer.Message(5));
        await peer.SendAsync(ScriptedPeer.Message(3));
        await peer.SendAsync(ScriptedPeer.Message(6));

        await client.ExpectSeqsAsync(3, 4, 5, 6);
        Assert.Equal((4, true, 2), (subscription.HeadSeq, subscription.Recovered, subscription.Events.Count));
    }

    [Fact]
    [Trait(Behaviours.Trait, "closes-holes")]
    public async Task A_hole_is_closed_by_a_resume_before_anything_behind_it_is_raised()
    {
        await using var server = await ScriptedServer.StartAsync(Wire);
        var (client, peer) = await ClientUnderTest.ConnectAsync(server);
        await using var _ = client;
        await client.SubscribeAsync(peer, head: 0);
        await peer.SendAsync(ScriptedPeer.Message(1));
        await peer.SendAsync(ScriptedPeer.Message(4));
        var repair = await peer.ExpectAsync("subscribe");
        Assert.Equal(1, repair.GetProperty("since_seq").GetInt64());
        await client.ExpectSeqsAsync(1);
        await peer.AckSubscribeAsync(repair, head: 3, events: [ScriptedPeer.Message(2), ScriptedPeer.Message(3)]);
        await client.ExpectSeqsAsync(1, 2, 3, 4);
    }

    [Fact]
    [Trait(Behaviours.Trait, "bounded-hold")]
    public async Task More_events_than_are_held_during_a_subscribe_are_asked_for_again_also_when_the_room_is_quiet_afterwards()
    {
        const int Held = ProtocolLimits.MaxRecoveredEvents;
        await using var server = await ScriptedServer.StartAsync(Wire);
        var (client, peer) = await ClientUnderTest.ConnectAsync(server);
        await using var _ = client;
        var subscribing = client.Connection.SubscribeAsync("lobby", sinceSeq: 0, epoch: "0");
        var command = await peer.ExpectAsync("subscribe");
        for (var seq = 1; seq <= Held + 2; seq++) await peer.SendAsync(ScriptedPeer.Message(seq));
        // SignalR may tell of an answer before the events in front of it: it comes when they were taken.
        await peer.SendAsync("""{"event_type":"notification","kind":"custom"}""");
        await Await.UntilAsync(() => client.Events.Any(e => e.EventType == EventTypes.Notification), "the notification behind the events");
        await peer.AckSubscribeAsync(command, head: 0);
        await subscribing.Within("the subscription");
        var again = await peer.ExpectAsync("subscribe");
        Assert.Equal(Held, again.GetProperty("since_seq").GetInt64());
        await peer.AckSubscribeAsync(again, head: Held + 2, events: [ScriptedPeer.Message(Held + 1), ScriptedPeer.Message(Held + 2)]);
        await client.ExpectSeqsAsync([.. Enumerable.Range(1, Held + 2).Select(i => (long)i)]);
    }

    [Fact]
    public async Task A_resume_waits_while_too_many_commands_are_under_way_and_other_rooms_too()
    {
        const int Bound = 4_096;
        await using var server = await ScriptedServer.StartAsync(Wire);
        var log = new LogOfTheTest();
        var (client, peer) = await ClientUnderTest.ConnectAsync(server, server.Options(requestTimeout: TimeSpan.FromMinutes(5), log: log));
        await using var _ = client;
        await client.SubscribeAsync(peer, head: 0);
        var reading = Enumerable.Range(0, Bound).Select(_ => client.Connection.GetHistoryAsync("lobby")).ToList();
        var commands = new List<JsonElement>();
        while (commands.Count < Bound) commands.Add(await peer.ExpectAsync("history"));

        await peer.SendAsync(ScriptedPeer.Message(2)); // a hole
        await Await.UntilAsync(() => log.Lines.Any(line => line.Contains("put off", StringComparison.Ordinal)), "the resume to be put off");
        foreach (var command in commands) await peer.AckAsync(command, "\"events\":[],\"head_seq\":2,\"has_more\":false");
        await Task.WhenAll(reading).Within("the pages");
        await peer.AckSubscribeAsync(await peer.ExpectAsync("subscribe"), head: 2, events: [ScriptedPeer.Message(1), ScriptedPeer.Message(2)]);
        await client.ExpectSeqsAsync(1, 2);
    }

    [Fact]
    [Trait(Behaviours.Trait, "not-recovered")]
    public async Task A_resume_that_is_not_exact_says_so_and_goes_on_from_the_head()
    {
        await using var server = await ScriptedServer.StartAsync(Wire);
        var (client, peer) = await ClientUnderTest.ConnectAsync(server);
        await using var _ = client;
        await client.SubscribeAsync(peer, head: 4);
        peer.Drop();
        var second = await server.AcceptAsync();
        await second.AckSubscribeAsync(await second.ExpectAsync("subscribe"), head: 4294967300, epoch: "1", recovered: false);
        await second.SendAsync(ScriptedPeer.Message(4294967301, epoch: "1"));
        await client.ExpectSeqsAsync(4294967301);
        Assert.Equal(new RoomReset("lobby", "1", 4294967300), Assert.Single(client.Resets));
    }

    [Fact]
    [Trait(Behaviours.Trait, "resync")]
    public async Task A_numbering_that_restarts_under_a_subscriber_resets_the_room()
    {
        await using var server = await ScriptedServer.StartAsync(Wire);
        var (client, peer) = await ClientUnderTest.ConnectAsync(server);
        await using var _ = client;
        await client.SubscribeAsync(peer, head: 4);
        await peer.SendAsync("""{"event_type":"resync","room_id":"lobby","epoch":"1","head_seq":4294967296}""");
        await peer.SendAsync(ScriptedPeer.Message(4294967297, epoch: "1"));
        await client.ExpectSeqsAsync(4294967297);
        Assert.Equal(new RoomReset("lobby", "1", 4294967296), Assert.Single(client.Resets));
    }

    [Fact]
    [Trait(Behaviours.Trait, "resume-refused")]
    public async Task A_subscription_that_the_server_no_longer_grants_ends_and_is_not_resumed_again()
    {
        await using var server = await ScriptedServer.StartAsync(Wire);
        var (client, peer) = await ClientUnderTest.ConnectAsync(server);
        await using var _ = client;
        await client.SubscribeAsync(peer, head: 4);
        peer.Drop();
        var second = await server.AcceptAsync();
        await second.RefuseAsync(await second.ExpectAsync("subscribe"), ErrorCodes.NotFound);
        await Await.UntilAsync(() => !client.Ended.IsEmpty, "the end of the subscription");
        Assert.Equal(new SubscriptionEnded("lobby", ErrorCodes.NotFound), Assert.Single(client.Ended));

        second.Drop();
        var third = await server.AcceptAsync();
        var reading = client.Connection.GetHistoryAsync("lobby");
        await third.AckAsync(await third.ExpectAsync("history"), "\"events\":[],\"head_seq\":0,\"has_more\":false");
        await reading.Within("the page");
    }

    [Fact]
    [Trait(Behaviours.Trait, "resume-refused")]
    public async Task A_resume_that_is_put_off_is_repeated()
    {
        await using var server = await ScriptedServer.StartAsync(Wire);
        var (client, peer) = await ClientUnderTest.ConnectAsync(server);
        await using var _ = client;
        await client.SubscribeAsync(peer, head: 4);
        peer.Drop();
        var second = await server.AcceptAsync();
        await second.RefuseAsync(await second.ExpectAsync("subscribe"), ErrorCodes.RateLimited, retryAfterMs: 10);
        await second.AckSubscribeAsync(await second.ExpectAsync("subscribe"), head: 5, events: [ScriptedPeer.Message(5)]);
        await client.ExpectSeqsAsync(5);
        Assert.Empty(client.Ended);
    }

    [Fact]
    [Trait(Behaviours.Trait, "removed")]
    public async Task Being_removed_from_a_room_ends_its_subscription()
    {
        await using var server = await ScriptedServer.StartAsync(Wire);
        var (client, peer) = await ClientUnderTest.ConnectAsync(server);
        await using var _ = client;
        await client.SubscribeAsync(peer, head: 4);
        await peer.SendAsync("""{"event_type":"unsubscribed","room_id":"lobby","reason":"removed"}""");
        await peer.SendAsync(ScriptedPeer.Message(5));
        await peer.SendAsync("""{"event_type":"notification","kind":"custom"}""");
        await Await.UntilAsync(() => client.Events.Any(e => e.EventType == EventTypes.Notification), "the notification");
        Assert.Equal(new SubscriptionEnded("lobby", "removed"), Assert.Single(client.Ended));
        Assert.Empty(client.Seqs);
    }

    [Fact]
    [Trait(Behaviours.Trait, "direct-messages")]
    public async Task Direct_messages_without_a_subscription_are_raised_once_and_resumed()
    {
        await using var server = await ScriptedServer.StartAsync(Wire);
        var (client, peer) = await ClientUnderTest.ConnectAsync(server);
        await using var _ = client;
        await peer.SendAsync(ScriptedPeer.Message(8, "dm.1"));
        await peer.SendAsync(ScriptedPeer.Message(8, "dm.1"));
        await peer.SendAsync(ScriptedPeer.Message(9, "dm.1"));
        await client.ExpectSeqsAsync(8, 9);
        peer.Drop();
        var second = await server.AcceptAsync();
        var resume = await second.ExpectAsync("subscribe");
        Assert.Equal(9, resume.GetProperty("since_seq").GetInt64());
        await second.AckSubscribeAsync(resume, head: 10, events: [ScriptedPeer.Message(10, "dm.1")]);
        await client.ExpectSeqsAsync(8, 9, 10);
    }

    [Fact]
    [Trait(Behaviours.Trait, "subscribe-refused")]
    public async Task A_refused_subscription_fails_and_is_forgotten()
    {
        await using var server = await ScriptedServer.StartAsync(Wire);
        var (client, peer) = await ClientUnderTest.ConnectAsync(server);
        await using var _ = client;
        var subscribing = client.Connection.SubscribeAsync("secret");
        await peer.RefuseAsync(await peer.ExpectAsync("subscribe"), ErrorCodes.NotFound);
        var refused = await Assert.ThrowsAsync<ChatException>(() => subscribing.Within("the refusal"));
        Assert.Equal(ErrorCodes.NotFound, refused.Code);
        await peer.ExpectAsync("unsubscribe");
    }
}

[OnWire(Wire.WebSocket)]
public sealed class WebSocketResumeTests : ResumeTests;

[OnWire(Wire.SignalR)]
public sealed class SignalRResumeTests : ResumeTests;

[OnWire(Wire.SignalRMessagePack)]
public sealed class MessagePackResumeTests : ResumeTests;
