using Chat.Contracts;
using Chat.Data.Numbering;
using Chat.Realtime.Auth;
using Chat.Realtime.Connections;
using Chat.Realtime.Fanout;
using Microsoft.Extensions.DependencyInjection;

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
}
