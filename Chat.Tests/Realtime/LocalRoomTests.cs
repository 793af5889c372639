using System.Text;
using Chat.Contracts;
using Chat.Data.History;
using Chat.Data.Numbering;
using Chat.Realtime;
using Chat.Realtime.Access;
using Chat.Realtime.Auth;
using Chat.Realtime.Connections;
using Chat.Realtime.Fanout;
using Chat.Tests.People;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Time.Testing;

namespace Chat.Tests.Realtime;

/// <summary>Joining a room of this node.</summary>
[Collection(nameof(NodeCollection))]
public sealed class LocalRoomTests(NodeFixture fixture)
{
    [Fact]
    public void Of_two_who_join_a_room_that_is_new_here_the_one_who_read_an_older_head_reads_again()
    {
        var room = new LocalRoom(NodeFixture.Name("room"), fixture.Node.Services.GetRequiredService<LocalRooms>());
        var (early, late) = (Join("ann"), Join("bob"));

        room.StartAt(7);
        Assert.True(room.TryGoLive(late, 7, []));

        // It has read up to 5: 6 and 7 were delivered to nobody, so going live there would leave them out.
        room.StartAt(5);
        Assert.False(room.TryGoLive(early, 5, []));
        Assert.True(room.TryGoLive(early, 7, []));

        Subscription Join(string name)
        {
            var user = new ConnectedUser(name, name, null, false, null, DateTimeOffset.MaxValue);
            var subscription = new Subscription(new Connection(Guid.NewGuid(), user), room);
            Assert.Null(room.Join(subscription, accessVersion: 0));
            return subscription;
        }
    }

    [Fact]
    public async Task Each_of_very_many_members_gets_every_event_once_and_in_order()
    {
        const int Members = 1_000, Events = 30;
        var room = new LocalRoom(NodeFixture.Name("room"), fixture.Node.Services.GetRequiredService<LocalRooms>());
        room.StartAt(0);
        var members = Enumerable.Range(0, Members).Select(i =>
        {
            var user = new ConnectedUser($"u{i}", $"u{i}", null, false, null, DateTimeOffset.MaxValue);
            var subscription = new Subscription(new Connection(Guid.NewGuid(), user), room);
            room.Join(subscription, accessVersion: 0);
            Assert.True(room.TryGoLive(subscription, 0, []));
            return subscription.Connection;
        }).ToList();
        RoomFrame[] frames = [.. Enumerable.Range(1, Events).Select(seq => new RoomFrame(new NumberedEvent(seq, 0, Encoding.ASCII.GetBytes($$"""{"n":{{seq}}}""")), 0))];

        // By two paths at once, as the numbering's answer and the channel's message come.
        await Task.WhenAll(Enumerable.Range(0, 2).Select(_ => Task.Run(() =>
        {
            foreach (var frame in frames) room.Offer([frame]);
        })));

        foreach (var member in members)
        {
            var got = new List<string>();
            await Until.TrueAsync(() =>
            {
                while (member.TryTake(out var frame)) got.Add(Encoding.ASCII.GetString(frame.Payload.Span));
                return got.Count >= Events;
            }, "all events at each member");
            Assert.Equal(frames.Select(frame => Encoding.ASCII.GetString(new EncodedEvents(frame.Event).PayloadOf(0).Span)), got);
            Assert.False(member.TryTake(out _));
        }
    }

    [Fact]
    public async Task Who_joins_or_leaves_a_large_room_while_its_events_come_fast_has_all_from_its_position_to_its_end()
    {
        const int Events = 400;
        var room = new LocalRoom(NodeFixture.Name("room"), fixture.Node.Services.GetRequiredService<LocalRooms>());
        room.StartAt(0);
        var stay = Enumerable.Range(0, 200).Select(_ => Enter(0)!).ToList();
        var leave = Enumerable.Range(0, 200).Select(_ => Enter(0)!).ToList();
        var come = new List<(Subscription Subscription, long Position)>();
        using var pace = new PeriodicTimer(TimeSpan.FromMilliseconds(2));
        for (var seq = 1; seq <= Events; seq++)
        {
            room.Offer([new RoomFrame(new NumberedEvent(seq, 0, Encoding.ASCII.GetBytes($$"""{"n":{{seq}}}""")), 0)]);
            if (seq % 2 == 0) Assert.True(room.Leave(leave[seq / 2 - 1]));
            // As if history were read after the join: what is there by then comes with the ack.
            else if (Enter(seq) is { } joined) come.Add((joined, seq));
            await pace.WaitForNextTickAsync(TestContext.Current.CancellationToken);
        }

        foreach (var (subscription, position) in come.Concat(stay.Select(subscription => (subscription, 0L))))
        {
            await Until.TrueAsync(() => subscription.DeliverAfter == Events, "the last event at each member");
            Assert.Equal(Enumerable.Range((int)position + 1, Events - (int)position), Got(subscription));
        }
        foreach (var subscription in leave)
            Assert.Equal(Enumerable.Range(1, (int)subscription.DeliverAfter), Got(subscription));

        // Null when the room stood further already.
        Subscription? Enter(long position)
        {
            var user = new ConnectedUser("u", "u", null, false, null, DateTimeOffset.MaxValue);
            var subscription = new Subscription(new Connection(Guid.NewGuid(), user), room);
            room.Join(subscription, accessVersion: 0);
            if (room.TryGoLive(subscription, position, [])) return subscription;
            room.Leave(subscription);
            return null;
        }

        static IEnumerable<int> Got(Subscription subscription)
        {
            while (subscription.Connection.TryTake(out var frame))
            {
                using var json = System.Text.Json.JsonDocument.Parse(frame.Payload);
                yield return json.RootElement.GetProperty("n").GetInt32();
            }
        }
    }

    [Fact]
    public async Task What_waits_for_its_turn_comes_before_a_member_leaves_subscribes_anew_or_is_told_of_a_new_epoch()
    {
        const int Members = 100, Events = 30;
        const long NewEpoch = ProtocolLimits.NumbersPerEpoch;
        var (ann, outsider) = (NodeFixture.Name("ann"), NodeFixture.Name("eve"));
        var services = fixture.Node.Services;
        // Time stands still: nobody's turn comes.
        var rooms = new LocalRooms(
            services.GetRequiredService<RedisSubscribers>(), services.GetRequiredService<RoomHistory>(), services.GetRequiredService<RoomAccess>(), services.GetRequiredService<NodeMetrics>(),
            new FakeTimeProvider(), services.GetRequiredService<ILogger<LocalRoom>>(), services.GetRequiredService<IHostApplicationLifetime>());
        var room = rooms.Hold(await fixture.RoomAsync(ann));
        room.StartAt(0);
        var members = Enumerable.Range(0, Members).Select(_ => Join(ann)).ToList();
        var (excluded, leaves, subscribesAnew) = (Join(outsider), Join(ann), Join(ann));
        for (var seq = 1; seq <= Events; seq++) room.Offer([Frame(seq, 0)]);
        // The last one to come now is not served before the others.
        var last = new Subscription(new Connection(Guid.NewGuid(), User(ann)), room);
        await Until.TrueAsync(() =>
        {
            room.Join(last, accessVersion: 0);
            room.Leave(last);
            return last.KeptBackAfter == Events;
        }, "the room has taken all events in");
        Assert.All(members, member => Assert.InRange(member.DeliverAfter, 0, Events - 1));

        Assert.True(room.Leave(leaves));
        Assert.Equal(Events, leaves.DeliverAfter);
        var anew = new Subscription(subscribesAnew.Connection, room);
        Assert.Same(subscribesAnew, room.Join(anew, accessVersion: 0));
        Assert.Equal(Events, subscribesAnew.DeliverAfter);
        Assert.True(room.TryContinue(anew, subscribesAnew));

        room.Offer([Frame(NewEpoch + 1, 1)]);
        foreach (var member in members.Append(anew))
        {
            var got = new List<string>();
            await Until.TrueAsync(() =>
            {
                while (member.Connection.TryTake(out var frame)) got.Add(Encoding.UTF8.GetString(frame.Payload.Span));
                return got.Count > Events;
            }, "the word of the new epoch at each member");
            Assert.All(got.Take(Events).Index(), item => Assert.Contains($"\"n\":{item.Index + 1}}}", item.Item));
            Assert.Contains("\"resync\"", got[Events]);
        }
        Assert.Equal((-1, (long)Events), (excluded.Index, excluded.DeliverAfter));

        Subscription Join(string user)
        {
            var subscription = new Subscription(new Connection(Guid.NewGuid(), User(user)), room);
            room.Join(subscription, accessVersion: 0);
            Assert.True(room.TryGoLive(subscription, 0, []));
            return subscription;
        }

        static ConnectedUser User(string name) => new(name, name, null, false, null, DateTimeOffset.MaxValue);

        static RoomFrame Frame(long seq, int epoch) => new(new NumberedEvent(seq, epoch, Encoding.ASCII.GetBytes($$"""{"n":{{seq}}}""")), 0);
    }

    [Theory]
    [InlineData(3)]
    [InlineData(600)]
    public async Task A_member_to_whom_an_event_cannot_be_sent_is_cut_and_the_others_get_it(int count)
    {
        var room = new LocalRoom(NodeFixture.Name("room"), fixture.Node.Services.GetRequiredService<LocalRooms>());
        room.StartAt(0);
        var cut = new TaskCompletionSource();
        // Its second event is one too many for it, and its clock fails when it is to be closed for that.
        var broken = Join(new Connection(Guid.NewGuid(), User("broken"), new ConnectionOptions { MaxQueuedEvents = 1 }, new BrokenClock()));
        broken.Attach(new IdleWriter(), () => cut.TrySetResult());
        var others = Enumerable.Range(1, count - 1).Select(i => Join(new Connection(Guid.NewGuid(), User($"u{i}")))).ToList();

        foreach (var seq in new[] { 1, 2, 3 }) room.Offer([new RoomFrame(new NumberedEvent(seq, 0, "{\"a\":1}"u8.ToArray()), 0)]);

        await cut.Task.WaitAsync(Until.Patience);
        foreach (var other in others)
        {
            var got = 0;
            await Until.TrueAsync(() =>
            {
                while (other.TryTake(out _)) got++;
                return got == 3;
            }, "three events at each of the others");
        }

        Connection Join(Connection connection)
        {
            var subscription = new Subscription(connection, room);
            room.Join(subscription, accessVersion: 0);
            Assert.True(room.TryGoLive(subscription, 0, []));
            return connection;
        }

        static ConnectedUser User(string name) => new(name, name, null, false, null, DateTimeOffset.MaxValue);
    }

    [Fact]
    public void Who_waits_for_an_event_is_woken_by_one_that_is_newer_and_by_no_other()
    {
        var room = new LocalRoom(NodeFixture.Name("room"), fixture.Node.Services.GetRequiredService<LocalRooms>());
        var (first, second, gone) = (room.Await(4), room.Await(6), room.Await(4));
        room.Forget(gone);
        room.StartAt(4);
        room.Offer([Frame(4)]);
        Assert.False(first.Task.IsCompleted);
        room.Offer([Frame(5)]);
        Assert.True(first.Task.IsCompleted);
        room.Offer([Frame(6)]);
        Assert.False(second.Task.IsCompleted);
        room.Offer([Frame(7)]);
        Assert.True(second.Task.IsCompleted);
        Assert.False(gone.Task.IsCompleted);

        static RoomFrame Frame(long seq) => new(new NumberedEvent(seq, 0, "{\"a\":1}"u8.ToArray()), 0);
    }

    private sealed class BrokenClock : TimeProvider
    {
        private bool _isBroken;

        // The first look is that of the new connection.
        public override long GetTimestamp() => !_isBroken && (_isBroken = true) ? base.GetTimestamp() : throw new InvalidOperationException("The clock is broken.");
    }

    private sealed class IdleWriter : IThreadPoolWorkItem
    {
        public void Execute()
        {
        }
    }
}
