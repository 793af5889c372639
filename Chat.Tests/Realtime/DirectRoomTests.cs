using System.Text;
using System.Text.Json;
using Chat.Contracts;
using Chat.Data.Numbering;
using Chat.Realtime.Auth;
using Chat.Realtime.Commands;
using Chat.Realtime.Connections;
using Chat.Realtime.Fanout;
using Microsoft.Extensions.DependencyInjection;

namespace Chat.Tests.Realtime;

/// <summary>Direct messages reach a connection by two ways, the room's fan-out and the user's feed, of which either may be ahead of the other.</summary>
[Collection(nameof(NodeCollection))]
public sealed class DirectRoomTests(NodeFixture fixture)
{
    private LocalRooms Rooms => fixture.Node.Services.GetRequiredService<LocalRooms>();
    private UserFeeds Feeds => fixture.Node.Services.GetRequiredService<UserFeeds>();

    [Fact]
    public async Task A_message_that_the_feed_brings_after_the_room_has_been_left_does_not_come_twice()
    {
        await using var ann = await OpenAsync();
        Rooms.Offer(ann.RoomId, [ann.Frames[0]]);
        Assert.True(Rooms.Leave(ann.Connection, ann.RoomId));
        Feeds.Offer(ann.UserId, ann.RoomId, [ann.Frames[0]]);
        Feeds.Offer(ann.UserId, ann.RoomId, [ann.Frames[1]]);
        Rooms.Offer(ann.RoomId, [ann.Frames[1]]);
        Assert.Equal([1L, 2L], ann.TakeSeqs());
    }

    [Fact]
    public async Task A_message_that_the_feed_brought_before_the_room_was_left_is_not_left_out()
    {
        await using var ann = await OpenAsync();
        Feeds.Offer(ann.UserId, ann.RoomId, [ann.Frames[0]]); // left to the subscription, which has not got it yet
        Assert.True(Rooms.Leave(ann.Connection, ann.RoomId));
        Rooms.Offer(ann.RoomId, [ann.Frames[0], ann.Frames[1]]);
        Feeds.Offer(ann.UserId, ann.RoomId, [ann.Frames[1]]);
        Assert.Equal([1L, 2L], ann.TakeSeqs());
    }

    [Fact]
    public async Task A_direct_room_that_was_left_makes_place_for_another_subscription()
    {
        await using var ann = await OpenAsync();
        Assert.False(Rooms.EndMuted(ann.Connection));
        Assert.True(Rooms.Leave(ann.Connection, ann.RoomId));
        Assert.False(Rooms.Leave(ann.Connection, ann.RoomId)); // it is not subscribed any more
        Assert.Equal(1, ann.Connection.Subscriptions.Count);
        Assert.True(Rooms.EndMuted(ann.Connection));
        Assert.Equal(0, ann.Connection.Subscriptions.Count);
        // From here on the feed serves it.
        Feeds.Offer(ann.UserId, ann.RoomId, [ann.Frames[0]]);
        Assert.Equal([1L], ann.TakeSeqs());
    }

    [Fact]
    public async Task A_direct_room_that_was_left_brings_its_messages_and_nothing_else()
    {
        var (ann, bob) = (NodeFixture.Name("ann"), NodeFixture.Name("bob"));
        await using var first = await fixture.Node.ConnectAsync(ann);
        await using var second = await fixture.Node.ConnectAsync(bob);
        var roomId = (await second.AskAsync(new { event_type = "direct_message", user_id = ann, content = "one" })).GetProperty("room_id").GetString();
        await first.NextAsync("chat_message");
        foreach (var command in (string[])["subscribe", "unsubscribe"])
            Assert.Equal("ack", (await first.AskAsync(new { event_type = command, room_id = roomId })).GetProperty("event_type").GetString());

        await second.AskAsync(new { event_type = "typing", room_id = roomId, active = true });
        await second.AskAsync(new { event_type = "direct_message", user_id = ann, content = "two" });
        Assert.Equal("two", (await first.NextAsync("chat_message")).GetProperty("content").GetString());
        await second.AskAsync(new { event_type = "direct_message", user_id = ann, content = "three" });
        Assert.Equal("three", (await first.NextAsync("chat_message")).GetProperty("content").GetString());
        Assert.Null(first.TryTakeUnread("typing"));
    }

    [Fact]
    public async Task A_direct_message_that_the_feed_has_not_brought_yet_comes_before_the_ack_of_a_subscribe()
    {
        await using var ann = await OpenAsync(isSubscribed: false);
        Feeds.Offer(ann.UserId, ann.RoomId, [ann.Frames[0]]);
        Assert.Equal([1L], ann.TakeSeqs());

        await ann.SubscribeAsync();
        Assert.Equal([2L, null], ann.TakeEventsAndAcks());

        Feeds.Offer(ann.UserId, ann.RoomId, [ann.Frames[1]]);
        Rooms.Offer(ann.RoomId, [ann.Frames[1]]);
        Assert.Empty(ann.TakeSeqs());
    }

    [Fact]
    public async Task A_direct_message_that_the_feed_leaves_to_a_subscription_just_put_in_place_is_not_left_out()
    {
        await using var ann = await OpenAsync(isSubscribed: false);
        Feeds.Offer(ann.UserId, ann.RoomId, [ann.Frames[0]]);
        Assert.Equal([1L], ann.TakeSeqs());
        var subscription = new Subscription(ann.Connection, Rooms.Hold(ann.RoomId));
        Assert.Null(subscription.Room.Join(subscription, accessVersion: 0));
        Feeds.Offer(ann.UserId, ann.RoomId, [ann.Frames[1]]); // between joining and reading
        Assert.Equal(1, Feeds.ServedUpTo(subscription));
    }

    [Fact]
    public async Task Who_subscribes_again_gets_first_what_the_room_has_not_delivered_yet()
    {
        await using var ann = await OpenAsync();
        Rooms.Offer(ann.RoomId, [ann.Frames[0]]);
        Assert.Equal([1L], ann.TakeSeqs());

        await ann.SubscribeAsync();
        Assert.Equal([2L, null], ann.TakeEventsAndAcks());

        Rooms.Offer(ann.RoomId, [ann.Frames[1]]);
        await ann.SubscribeAsync();
        Assert.Equal([null], ann.TakeEventsAndAcks());
    }

    // A connection of this node, subscribed or not to a direct room of its user, in which two messages have just been numbered: nobody has them yet.
    private async Task<Device> OpenAsync(bool isSubscribed = true)
    {
        var (userId, peerId) = (NodeFixture.Name("ann"), NodeFixture.Name("bob"));
        var lifecycle = fixture.Node.Services.GetRequiredService<ConnectionLifecycle>();
        using (var peer = fixture.Node.Http(peerId))
            Assert.True((await peer.GetAsync("/api/me")).IsSuccessStatusCode); // the first use of a token makes its user
        using (var http = fixture.Node.Http(userId))
            Assert.True((await http.PostAsync("/api/rooms/direct", NodeFixture.JsonContent(new { user_id = peerId }))).IsSuccessStatusCode);
        var roomId = RoomIds.Direct(userId, peerId);
        var connection = await lifecycle.OpenAsync(new ConnectedUser(userId, userId, null, false, null, DateTimeOffset.MaxValue), CancellationToken.None);
        if (isSubscribed)
        {
            var room = Rooms.Hold(roomId);
            var subscription = new Subscription(connection, room);
            Assert.Null(room.Join(subscription, accessVersion: 0));
            room.StartAt(0);
            Assert.True(room.TryGoLive(subscription, 0, []));
        }

        var epoch = (await fixture.Node.Services.GetRequiredService<EpochStore>().GetAsync(CancellationToken.None)).Number;
        PendingEvent[] events = [.. Enumerable.Range(1, 2).Select(i => new PendingEvent(Guid.CreateVersion7(), [], 0, 1, Encoding.UTF8.GetBytes($$"""{"event_type":"chat_message","n":{{i}}}""")))];
        var numbers = await fixture.Node.Services.GetRequiredService<RoomNumbering>().NumberAsync(roomId, epoch, events, CancellationToken.None);
        return new Device(
            lifecycle, fixture.Node.Services.GetRequiredService<RoomSubscriber>(), connection, userId, roomId,
            [.. numbers.Select((number, i) => new RoomFrame(new NumberedEvent(number.Seq, number.Epoch, events[i].Body), 0))]);
    }

    private sealed record Device(
        ConnectionLifecycle Lifecycle, RoomSubscriber Subscriber, Connection Connection, string UserId, string RoomId, IReadOnlyList<RoomFrame> Frames) : IAsyncDisposable
    {
        /// <summary>As the command without <c>since_seq</c>.</summary>
        public Task SubscribeAsync() => Subscriber.SubscribeAsync(
            Connection, new Command { Kind = CommandKind.Subscribe, Id = "1"u8.ToArray(), RoomId = RoomId }, CancellationToken.None);

        /// <summary>The numbers of the events that wait to be written.</summary>
        public IReadOnlyList<long> TakeSeqs() => [.. TakeEventsAndAcks().OfType<long>()];

        /// <summary>The same, with null where an ack stands between them.</summary>
        public IReadOnlyList<long?> TakeEventsAndAcks()
        {
            var taken = new List<long?>();
            while (Connection.TryTake(out var frame))
            {
                var fields = JsonDocument.Parse(frame.Payload).RootElement;
                if (fields.TryGetProperty("seq", out var seq)) taken.Add(seq.GetInt64());
                else if (fields.GetProperty("event_type").ValueEquals("ack")) taken.Add(null);
            }
            return taken;
        }

        public ValueTask DisposeAsync()
        {
            Lifecycle.Closed(Connection);
            return ValueTask.CompletedTask;
        }
    }
}
