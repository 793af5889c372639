using Chat.Contracts;
using Chat.Contracts.Api;
using Chat.Frontend.Rooms;

namespace Chat.Tests.Frontend;

public sealed class RoomListTests
{
    private readonly RoomList _rooms = new(Events.Me);

    [Fact]
    public void Live_messages_count_on_from_the_platforms_number()
    {
        _rooms.Load([Events.Summary(head: 10, read: 7, unread: 3)]);
        _rooms.Receive(Events.Message(11), false);
        _rooms.Receive(Events.Message(12), true);
        Assert.Equal((5, 1), (Room.Unread, Room.Mentions));
        Assert.Equal(5, _rooms.TotalUnread);
    }

    [Fact]
    public void An_event_that_the_list_already_counts_is_not_counted_again()
    {
        _rooms.Load([Events.Summary(head: 10, read: 7, unread: 3)]);
        Assert.Equal(RoomListChange.None, _rooms.Receive(Events.Message(10), false));
        Assert.Equal(3, Room.Unread);
    }

    [Fact]
    public void A_list_that_is_behind_the_events_does_not_take_their_count_back()
    {
        _rooms.Load([Events.Summary(head: 10)]);
        _rooms.Receive(Events.Message(11), false);
        _rooms.Load([Events.Summary(head: 10)]);
        Assert.Equal(1, Room.Unread);
        _rooms.Load([Events.Summary(head: 11, read: 11, unread: 0)]);
        Assert.Equal(0, Room.Unread);
    }

    [Fact]
    public void Joins_and_data_updates_are_not_unread()
    {
        _rooms.Load([Events.Summary(head: 10)]);
        _rooms.Receive(Events.Of(EventTypes.UserJoin, 11), false);
        _rooms.Receive(Events.Of(EventTypes.DataUpdate, 12), false);
        Assert.Equal((0, 12L), (Room.Unread, Room.HeadSeq));
    }

    [Fact]
    public void Sending_reads_what_is_above()
    {
        _rooms.Load([Events.Summary(head: 10, read: 7, unread: 3)]);
        _rooms.Receive(Events.Message(11, Events.Me), false);
        Assert.Equal((0, 11L), (Room.Unread, Room.ReadSeq));
    }

    [Fact]
    public void Reading_to_the_end_on_another_device_clears_the_number_here()
    {
        _rooms.Load([Events.Summary(head: 10, read: 7, unread: 3)]);
        Assert.Equal(RoomListChange.Changed, _rooms.Receive(Read(10), false));
        Assert.Equal(0, Room.Unread);
    }

    [Fact]
    public void Reading_part_of_it_elsewhere_asks_the_platform_for_the_rest()
    {
        _rooms.Load([Events.Summary(head: 10, read: 7, unread: 3)]);
        Assert.Equal(RoomListChange.CountUnknown, _rooms.Receive(Read(8), false));
        Assert.Equal(3, Room.Unread);
    }

    [Fact]
    public void Events_of_an_unknown_room_ask_for_the_list()
    {
        _rooms.Load([]);
        Assert.Equal(RoomListChange.UnknownRoom, _rooms.Receive(Events.Message(1), false));
    }

    [Fact]
    public void Rooms_stand_by_name_and_direct_rooms_by_their_latest_with_new_ones_on_top()
    {
        _rooms.Load([
            Events.Summary("zebra"), Direct("dm.1"), Events.Summary("alpha"), Direct("dm.2")]);
        _rooms.Add(Direct("dm.3"));
        Assert.Equal(["alpha", "zebra"], _rooms.Rooms.Select(r => r.RoomId));
        Assert.Equal(["dm.3", "dm.1", "dm.2"], _rooms.Directs.Select(r => r.RoomId));
        _rooms.Receive(Events.Message(99) with { RoomId = "dm.2" }, false);
        Assert.Equal(["dm.3", "dm.1", "dm.2"], _rooms.Directs.Select(r => r.RoomId)); // nothing moves under the pointer
    }

    [Fact]
    public void The_number_stops_at_the_platforms_bound()
    {
        _rooms.Load([Events.Summary(head: 10, unread: ProtocolLimits.MaxUnread)]);
        _rooms.Receive(Events.Message(11), false);
        Assert.Equal(ProtocolLimits.MaxUnread, Room.Unread);
    }

    [Fact]
    public void A_changed_name_and_topic_show_at_once_and_rubbish_changes_nothing()
    {
        _rooms.Load([Events.Summary()]);
        var update = new ChatEvent { EventType = EventTypes.RoomUpdated, RoomId = Events.Room, Content = """{"name":"shipping","topic":"Ships","kind":"private"}""" };
        _rooms.Receive(update, false);
        Assert.Equal(("shipping", "Ships", true), (Room.Name, Room.Topic, Room.IsPrivate));
        Assert.Equal(RoomListChange.None, _rooms.Receive(update with { Content = "[" }, false));
        Assert.Equal("shipping", Room.Name);
    }

    [Fact]
    public void The_answer_to_a_marker_does_not_hide_what_came_meanwhile()
    {
        _rooms.Load([Events.Summary(head: 10, read: 7, unread: 3)]);
        _rooms.Receive(Events.Message(11), false);
        _rooms.MarkRead(new ReadReceipt(Events.Room, 10, 1));
        Assert.Equal(1, Room.Unread);
        _rooms.MarkRead(new ReadReceipt(Events.Room, 11, 0));
        Assert.Equal(0, Room.Unread);
    }

    private RoomEntry Room => _rooms.Find(Events.Room)!;

    private static ChatEvent Read(long seq) => new() { EventType = EventTypes.Read, RoomId = Events.Room, SenderId = Events.Me, ReadSeq = seq };

    private static RoomSummary Direct(string id) => Events.Summary(id, kind: RoomKinds.Direct, peer: new Peer("peer-" + id, "peer", null));
}
