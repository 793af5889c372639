using Chat.Client;
using Chat.Contracts;
using Chat.Contracts.Api;

namespace Chat.Tests.EndToEnd;

[Collection(SharedSystemTests.Name)]
public sealed class MessagingTests(SharedSystem shared)
{
    private readonly ChatSystem _system = shared.System;

    [Fact]
    public async Task Members_on_different_nodes_see_the_same_events_in_the_same_order()
    {
        const int Each = 60;
        var (ann, bob) = (await _system.RegisterAsync("ann"), await _system.RegisterAsync("bob"));
        var room = await ann.CreateRoomAsync();
        await using var first = await ann.ConnectAsync(await _system.NodeAsync(1));
        await using var second = await bob.ConnectAsync(await _system.NodeAsync(2));
        Assert.NotEqual(first.NodeId, second.NodeId);
        await first.Connection.SubscribeAsync(room).Within("the subscription");
        await second.Connection.SubscribeAsync(room).Within("the subscription");

        var sends = Enumerable.Range(0, Each).SelectMany(i => new[] { first, second }.Select(d => d.Connection.SendMessageAsync(room, $"{d.NodeId} {i}"))).ToArray();
        var receipts = await Task.WhenAll(sends).Within("all receipts");
        await first.ExpectMessagesAsync(room, 2 * Each);
        await second.ExpectMessagesAsync(room, 2 * Each);

        // A join may still be on its way to one of them when the first message comes.
        Assert.Equal(first.Messages(room).Select(Identity), second.Messages(room).Select(Identity));
        Contiguous(first.Durable(room));
        Contiguous(second.Durable(room));
        Assert.Equal(receipts.Select(r => (r.Seq, r.EventId)).Order(), first.Messages(room).Select(e => (e.Seq!.Value, e.EventId!)));
        foreach (var sender in new[] { first, second })
            Assert.Equal(Enumerable.Range(0, Each).Select(i => $"{sender.NodeId} {i}"), first.Messages(room).Select(e => e.Content!).Where(c => c.StartsWith(sender.NodeId, StringComparison.Ordinal)));
    }

    [Fact]
    public async Task A_client_id_makes_one_message_whichever_node_it_is_sent_through()
    {
        var ann = await _system.RegisterAsync("ann");
        var room = await ann.CreateRoomAsync();
        var one = ann.ApiAt(await _system.NodeAsync(1));
        var two = ann.ApiAt(await _system.NodeAsync(2));
        foreach (var clientId in new[] { "mine", Guid.CreateVersion7().ToString() })
        {
            var message = new SendMessageRequest { Content = "once", ClientId = clientId };
            var receipts = await Task.WhenAll(Enumerable.Range(0, 6).Select(i => (i % 2 == 0 ? one : two).SendMessageAsync(room, message))).Within("the receipts");
            Assert.Single(receipts.Select(r => (r.EventId, r.Seq)).Distinct());
        }
        var messages = (await Database.HistoryAsync(ann, room)).Where(e => e.EventType == EventTypes.ChatMessage).ToArray();
        Assert.Equal(2, messages.Length);
    }

    [Fact]
    public async Task History_is_what_was_delivered_before_and_after_it_moved_to_the_database()
    {
        // More than the 128 events that Redis keeps once they are persisted, so that history joins both.
        const int Count = 300;
        var ann = await _system.RegisterAsync("ann");
        var room = await ann.CreateRoomAsync();
        await using var device = await ann.ConnectAsync();
        await device.Connection.SubscribeAsync(room).Within("the subscription");
        for (var sent = 0; sent < Count; sent += 50)
            await Task.WhenAll(Enumerable.Range(sent, 50).Select(i => ann.Api.SendMessageAsync(room, new SendMessageRequest { Content = $"\"{i}\" é \\ 👋" }))).Within("the receipts");
        await device.ExpectMessagesAsync(room, Count);

        var hot = await Database.HistoryAsync(ann, room);
        await Database.PersistedAsync(_system, room, hot[^1].Seq!.Value);
        var persisted = await Database.HistoryAsync(ann, room);
        Assert.Equal(hot, persisted);
        Assert.Equal(device.Messages(room), persisted.Where(e => e.EventType == EventTypes.ChatMessage));
        Contiguous(persisted);
        Assert.Equal(persisted.Select(e => (e.Seq!.Value, e.EventId!)), (await Database.EventsAsync(_system, room)).Select(row => (row.Seq, row.EventId)));

        var backwards = await ann.Api.GetMessagesAsync(room, beforeSeq: 150, limit: 20);
        Assert.Equal(Enumerable.Range(130, 20).Select(i => (long)i), backwards.Events.Select(e => e.Seq!.Value));
        Assert.True(backwards.HasMore);
    }

    [Fact]
    public async Task A_client_that_was_away_resumes_exactly_on_another_node()
    {
        var (ann, bob) = (await _system.RegisterAsync("ann"), await _system.RegisterAsync("bob"));
        var room = await ann.CreateRoomAsync();
        Subscription known;
        await using (var device = await bob.ConnectAsync(await _system.NodeAsync(1)))
        {
            known = await device.Connection.SubscribeAsync(room).Within("the subscription");
        }
        foreach (var i in Enumerable.Range(0, 40)) await ann.Api.SendMessageAsync(room, new SendMessageRequest { Content = $"missed {i}" });

        await using var again = await bob.ConnectAsync(await _system.NodeAsync(2));
        var resumed = await again.Connection.SubscribeAsync(room, known.HeadSeq, known.Epoch).Within("the resume");
        Assert.True(resumed.Recovered);
        await ann.Api.SendMessageAsync(room, new SendMessageRequest { Content = "live" });
        await again.ExpectMessagesAsync(room, 41);
        Contiguous(again.Durable(room));
        Assert.Equal(known.HeadSeq + 1, again.Durable(room)[0].Seq);
        Assert.Equal("live", again.Messages(room)[^1].Content);
    }

    [Fact]
    public async Task A_gap_that_is_too_large_says_so_instead_of_hiding_it()
    {
        var ann = await _system.RegisterAsync("ann");
        var room = await ann.CreateRoomAsync();
        await using var device = await ann.ConnectAsync();
        var ahead = await device.Connection.SubscribeAsync(room, sinceSeq: 1_000_000, epoch: "0").Within("the subscription");
        Assert.False(ahead.Recovered);
        Assert.Empty(ahead.Events);
    }

    [Fact]
    public async Task Direct_messages_reach_all_devices_of_both_and_nobody_else()
    {
        var (ann, bob, eve) = (await _system.RegisterAsync("ann"), await _system.RegisterAsync("bob"), await _system.RegisterAsync("eve"));
        await using var annOne = await ann.ConnectAsync(await _system.NodeAsync(1));
        await using var annTwo = await ann.ConnectAsync(await _system.NodeAsync(2));
        await using var bobTwo = await bob.ConnectAsync(await _system.NodeAsync(2));

        var receipt = await annOne.Connection.SendDirectMessageAsync(bob.UserId, "psst").Within("the receipt");
        Assert.Equal(RoomIds.Direct(ann.UserId, bob.UserId), receipt.RoomId);
        foreach (var device in new[] { annOne, annTwo, bobTwo })
            Assert.Equal("psst", (await device.ExpectAsync(e => e.EventId == receipt.EventId, "the direct message")).Content);

        var reply = await bobTwo.Connection.SendDirectMessageAsync(ann.UserId, "what?").Within("the receipt");
        await annOne.ExpectAsync(e => e.EventId == reply.EventId, "the reply");
        Assert.Equal(receipt.RoomId, reply.RoomId);
        Assert.True(reply.Seq > receipt.Seq);
        Assert.Equal(bob.UserId, (await ann.Api.GetMyRoomsAsync()).Single(r => r.RoomId == receipt.RoomId).Peer?.UserId);

        await using var other = await eve.ConnectAsync();
        Assert.Equal(ErrorCodes.NotFound, (await Assert.ThrowsAsync<ChatException>(() => eve.Api.GetMessagesAsync(receipt.RoomId))).Code);
        Assert.Equal(ErrorCodes.NotFound, (await Assert.ThrowsAsync<ChatException>(() => other.Connection.SubscribeAsync(receipt.RoomId))).Code);
    }

    [Fact]
    public async Task A_long_poll_on_one_node_answers_when_a_message_is_sent_on_the_other()
    {
        var ann = await _system.RegisterAsync("ann");
        var room = await ann.CreateRoomAsync();
        var one = ann.ApiAt(await _system.NodeAsync(1));
        var head = (await one.GetMessagesAsync(room)).HeadSeq;
        var polling = one.GetMessagesAsync(room, afterSeq: head, wait: TimeSpan.FromSeconds(25));
        var receipt = await ann.ApiAt(await _system.NodeAsync(2)).SendMessageAsync(room, new SendMessageRequest { Content = "wake up" });
        // Its join may be one of the newer events; then the next poll has the message at once.
        var page = await polling.WaitAsync(TimeSpan.FromSeconds(20));
        if (page.Events[^1].Seq < receipt.Seq) page = await one.GetMessagesAsync(room, afterSeq: page.Events[^1].Seq, wait: TimeSpan.FromSeconds(25));
        Assert.Contains(page.Events, e => e.EventId == receipt.EventId);
    }

    private static (long?, string?, string?) Identity(ChatEvent e) => (e.Seq, e.EventId, e.Content);

    private static void Contiguous(IReadOnlyList<ChatEvent> events) =>
        Assert.Equal(Enumerable.Range(0, events.Count).Select(i => events[0].Seq!.Value + i), events.Select(e => e.Seq!.Value));
}
