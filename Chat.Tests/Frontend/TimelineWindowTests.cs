using Chat.Contracts;
using Chat.Contracts.Api;
using Chat.Frontend.Timeline;

namespace Chat.Tests.Frontend;

public sealed class TimelineWindowTests
{
    [Fact]
    public void A_live_event_is_placed_once()
    {
        var timeline = Loaded(1, 3);
        Assert.True(timeline.Receive(Events.Message(4)));
        Assert.False(timeline.Receive(Events.Message(4)));
        Assert.False(timeline.Receive(Events.Message(2)));
        Assert.Equal([1, 2, 3, 4], Numbers(timeline));
    }

    [Fact]
    public void Older_and_newer_pages_extend_the_window_without_doubling_its_edges()
    {
        var timeline = Events.Timeline(Events.Clock());
        timeline.Load(new HistoryPage([Events.Message(5), Events.Message(6)], 9, true), true, hasNewer: true, null);
        timeline.Prepend(new HistoryPage([Events.Message(3), Events.Message(4), Events.Message(5)], 9, false));
        timeline.Append(new HistoryPage([Events.Message(6), Events.Message(7), Events.Message(8), Events.Message(9)], 9, false));
        Assert.Equal([3, 4, 5, 6, 7, 8, 9], Numbers(timeline));
        Assert.False(timeline.HasOlder);
        Assert.True(timeline.AtHead);
    }

    [Fact]
    public void The_window_never_grows_beyond_its_capacity()
    {
        var timeline = Loaded(10_001, RoomTimeline.Capacity);
        timeline.Prepend(new HistoryPage([.. Enumerable.Range(9_901, 100).Select(i => Events.Message(i))], 20_000, true));
        Assert.Equal(RoomTimeline.Capacity, Numbers(timeline).Count);
        Assert.Equal(9_901, timeline.FirstSeq);
        Assert.False(timeline.AtHead);
    }

    [Fact]
    public void While_the_newest_are_not_loaded_live_messages_are_only_counted()
    {
        var timeline = Events.Timeline(Events.Clock());
        timeline.Load(new HistoryPage([Events.Message(1)], 50, true), false, hasNewer: true, null);
        timeline.SetEndInView(false);
        timeline.Receive(Events.Message(51));
        Assert.Equal([1], Numbers(timeline));
        Assert.Equal(1, timeline.Unseen);
    }

    [Fact]
    public void Messages_below_the_view_are_counted_until_the_end_is_seen()
    {
        var timeline = Loaded(1, 2);
        timeline.SetEndInView(false);
        timeline.Receive(Events.Message(3));
        timeline.Receive(Events.Message(4, Events.Me));
        timeline.Receive(Events.Of(EventTypes.UserJoin, 5));
        Assert.Equal(1, timeline.Unseen);
        Assert.True(timeline.SetEndInView(true));
        Assert.Equal(0, timeline.Unseen);
    }

    [Fact]
    public void A_deletion_is_final_whatever_edit_comes_later()
    {
        var timeline = Loaded(1, 1);
        timeline.Receive(Events.Of(EventTypes.MessageEdited, 2) with { TargetId = "event-1", Content = "second text" });
        Assert.Contains("second text", Row(timeline).Html);
        Assert.NotNull(Row(timeline).Edited);
        timeline.Receive(Events.Of(EventTypes.MessageDeleted, 3) with { TargetId = "event-1" });
        timeline.Receive(Events.Of(EventTypes.MessageEdited, 4) with { TargetId = "event-1", Content = "third text" });
        Assert.True(Row(timeline).Deleted);
        Assert.Equal("", Row(timeline).Html);
    }

    [Fact]
    public void The_echo_takes_the_place_of_the_own_message_under_the_same_key()
    {
        var time = Events.Clock();
        var outbox = new Outbox();
        var timeline = Events.Timeline(time, outbox);
        timeline.Load(Events.Page(Events.Message(1)), false, false, null);
        outbox.Add("client-1", "mine", time.GetUtcNow());
        timeline.Changed();
        var before = timeline.Rows[^1];
        timeline.Receive(Events.Message(2, Events.Me, "mine", clientId: "client-1"));
        Assert.Equal(before.Key, timeline.Rows[^1].Key);
        Assert.Equal(2, Assert.IsType<MessageRow>(timeline.Rows[^1]).Seq);
        Assert.Equal(2, timeline.Rows.OfType<MessageRow>().Count());
    }

    [Fact]
    public void A_message_of_somebody_else_with_the_same_client_id_is_not_taken_for_the_own_one()
    {
        var time = Events.Clock();
        var outbox = new Outbox();
        var timeline = Events.Timeline(time, outbox);
        timeline.Load(Events.Page(), false, false, null);
        outbox.Add("client-1", "mine", time.GetUtcNow());
        timeline.Receive(Events.Message(1, Events.Other, "theirs", clientId: "client-1"));
        Assert.Equal(2, timeline.Rows.OfType<MessageRow>().Count());
        Assert.Equal(SendState.Fresh, outbox.Find("client-1")!.State);
    }

    [Fact]
    public void Sent_is_said_of_the_newest_own_message_alone()
    {
        var time = Events.Clock();
        var outbox = new Outbox();
        var timeline = Events.Timeline(time, outbox);
        timeline.Load(Events.Page(), false, false, null);
        outbox.Add("client-1", "one", time.GetUtcNow())!.Ack(time.GetUtcNow());
        Assert.Equal("Sent", Row(timeline).Note?.Text);
        outbox.Add("client-2", "two", time.GetUtcNow())!.Ack(time.GetUtcNow());
        Assert.Equal([null, "Sent"], timeline.Rows.OfType<MessageRow>().Select(r => r.Note?.Text));
    }

    private static RoomTimeline Loaded(long first, int count)
    {
        var timeline = Events.Timeline(Events.Clock());
        timeline.Load(Events.Page([.. Enumerable.Range(0, count).Select(i => Events.Message(first + i))]), false, false, null);
        return timeline;
    }

    private static List<long> Numbers(RoomTimeline timeline) => [.. timeline.Rows.OfType<MessageRow>().Select(r => r.Seq ?? 0)];

    private static MessageRow Row(RoomTimeline timeline) => timeline.Rows.OfType<MessageRow>().First();
}
