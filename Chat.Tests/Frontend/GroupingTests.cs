using Chat.Contracts;
using Chat.Frontend.Timeline;

namespace Chat.Tests.Frontend;

public sealed class GroupingTests
{
    [Fact]
    public void Messages_of_one_sender_join_a_group_for_five_minutes_after_its_first()
    {
        var rows = Rows(
            Events.Message(1, at: Events.Noon),
            Events.Message(2, at: Events.Noon.AddMinutes(3)),
            Events.Message(3, at: Events.Noon.AddMinutes(5)),
            Events.Message(4, at: Events.Noon.AddMinutes(5).AddSeconds(1)));
        Assert.Equal([true, false, false, true], rows.OfType<MessageRow>().Select(r => r.First));
    }

    [Fact]
    public void Another_sender_or_a_system_line_starts_a_new_group()
    {
        var rows = Rows(
            Events.Message(1), Events.Message(2, Events.Me), Events.Message(3),
            Events.Of(EventTypes.UserJoin, 4, "user-lena", "Lena Vogt"), Events.Message(5));
        Assert.All(rows.OfType<MessageRow>(), r => Assert.True(r.First));
    }

    [Fact]
    public void A_day_begins_at_the_readers_midnight()
    {
        // 23:30 UTC is 00:30 of the next day in Berlin (winter).
        var berlin = TimeZoneInfo.FindSystemTimeZoneById("Europe/Berlin");
        var timeline = Events.Timeline(Events.Clock(), zone: berlin);
        timeline.Load(Events.Page(
            Events.Message(1, at: new DateTimeOffset(2026, 11, 23, 22, 30, 0, TimeSpan.Zero)),
            Events.Message(2, at: new DateTimeOffset(2026, 11, 23, 23, 30, 0, TimeSpan.Zero))), false, false, null);
        Assert.Equal(["Yesterday", "Today"], timeline.Rows.OfType<DayRow>().Select(r => r.Name));
        Assert.Equal(["23:30", "00:30"], timeline.Rows.OfType<MessageRow>().Select(r => r.Time));
        Assert.True(timeline.Rows.OfType<MessageRow>().Last().First);
    }

    [Fact]
    public void The_new_line_stands_before_the_first_message_of_somebody_else_and_breaks_the_group()
    {
        var timeline = Events.Timeline(Events.Clock());
        timeline.Load(Events.Page(Events.Message(1), Events.Message(2), Events.Message(3, Events.Me), Events.Message(4)), false, false, newAfter: 2);
        var rows = timeline.Rows;
        var line = rows.ToList().FindIndex(r => r is NewRow);
        Assert.Equal(4, Assert.IsType<MessageRow>(rows[line + 1]).Seq);
        Assert.Single(rows.OfType<NewRow>());
    }

    [Fact]
    public void People_who_join_one_after_the_other_share_a_line()
    {
        var rows = Rows(
            Events.Of(EventTypes.UserJoin, 1, "a", "Lena Vogt"), Events.Of(EventTypes.UserJoin, 2, "b", "Noa Barak"),
            Events.Of(EventTypes.UserJoin, 3, "c", "Yusuf Haddad"), Events.Of(EventTypes.UserLeave, 4, "a", "Lena Vogt"));
        var lines = rows.OfType<SystemRow>().ToList();
        Assert.Equal([("Lena Vogt", 2, "joined"), ("Lena Vogt", 0, "left")], lines.Select(l => (l.Who, l.Others, l.What)));
    }

    [Fact]
    public void Data_updates_and_reactions_have_no_row()
    {
        var rows = Rows(Events.Of(EventTypes.DataUpdate, 1), Events.Of(EventTypes.ReactionAdded, 2));
        Assert.Empty(rows);
    }

    [Fact]
    public void Rows_that_say_the_same_are_equal_so_that_they_are_not_rendered_again()
    {
        var timeline = Events.Timeline(Events.Clock());
        timeline.Load(Events.Page(Events.Message(1), Events.Message(2)), false, false, null);
        var before = timeline.Rows;
        timeline.Receive(Events.Message(3));
        Assert.NotSame(before, timeline.Rows);
        Assert.Equal(before, timeline.Rows.Take(before.Count));
    }

    [Theory]
    [InlineData("2026-11-16T08:00:00Z", "Monday, 16 November")]
    [InlineData("2025-12-31T08:00:00Z", "Wednesday, 31 December 2025")]
    public void Days_of_another_year_carry_the_year(string at, string name)
    {
        var clock = new LocalClock(TimeZoneInfo.Utc, false, Events.Clock());
        Assert.Equal(name, clock.DayName(clock.Day(DateTimeOffset.Parse(at, System.Globalization.CultureInfo.InvariantCulture))));
    }

    private static IReadOnlyList<TimelineRow> Rows(params ChatEvent[] events)
    {
        var timeline = Events.Timeline(Events.Clock());
        timeline.Load(Events.Page(events), false, false, null);
        return timeline.Rows;
    }
}
