using Bunit;
using Chat.Contracts.Api;
using Chat.Frontend.Rooms;
using Chat.Frontend.Shell;
using Chat.Frontend.Timeline;
using Microsoft.AspNetCore.Components;

namespace Chat.Tests.Frontend;

public sealed class ComponentTests : BunitContext
{
    [Theory]
    [InlineData(SendState.NotConfirmed, "Not confirmed. Sending again is safe.", "Send again,Discard")]
    [InlineData(SendState.NotSent, "Not sent: you may not write here.", "Edit,Discard")]
    [InlineData(SendState.Sending, "Sending", "")]
    [InlineData(SendState.Sent, "Sent", "")]
    public void A_message_says_where_it_is_and_offers_the_safe_next_step(SendState state, string text, string buttons)
    {
        var view = Render<MessageView>(p => p.Add(v => v.Message, Row() with { Note = new SendNote(state, text) }));
        Assert.Contains(text, view.Find(".state").TextContent);
        Assert.Equal(buttons, string.Join(',', view.FindAll(".state button").Select(b => b.TextContent)));
        Assert.Equal(state is SendState.NotConfirmed or SendState.NotSent, view.Find("article").ClassList.Contains("failed"));
    }

    [Fact]
    public void A_grouped_message_shows_its_time_in_the_gutter_and_no_name()
    {
        var view = Render<MessageView>(p => p.Add(v => v.Message, Row() with { First = false }));
        Assert.Empty(view.FindAll(".by, .av"));
        Assert.Equal("09:44", view.Find("time.at").TextContent);
        Assert.Equal("Amara Okafor, 09:44", view.Find("article").GetAttribute("aria-label"));
    }

    [Fact]
    public void Names_are_isolated_and_never_markup()
    {
        var view = Render<MessageView>(p => p.Add(v => v.Message, Row() with { SenderName = "<b>Eve</b>" }));
        Assert.Equal("<b>Eve</b>", view.Find("bdi").TextContent);
        Assert.Empty(view.FindAll("bdi b"));
    }

    [Fact]
    public void A_deleted_message_shows_nothing_of_its_text()
    {
        var view = Render<MessageView>(p => p.Add(v => v.Message, Row() with { Deleted = true, Html = "secret" }));
        Assert.DoesNotContain("secret", view.Markup);
        Assert.Contains("Message deleted", view.Markup);
    }

    [Fact]
    public void A_row_that_says_the_same_is_not_rendered_again()
    {
        var view = Render<TimelineRowView>(p => p.Add(v => v.Row, Row()));
        var renderings = view.RenderCount;
        view.Render(p => p.Add(v => v.Row, Row()));
        Assert.Equal(renderings, view.RenderCount);
        view.Render(p => p.Add(v => v.Row, Row() with { Edited = "09:50" }));
        Assert.True(view.RenderCount > renderings);
        Assert.Contains("edited 09:50", view.Markup);
    }

    [Theory]
    [InlineData(null, "Public. Everything")]
    [InlineData(1, "Public, 1 member. Everything")]
    [InlineData(2, "Public, 2 members. Everything")]
    public void The_start_of_a_room_says_how_many_are_in_it_only_when_that_is_known(int? members, string says)
    {
        var room = RoomEntry.From(Events.Summary());
        var view = Render<RoomStart>(p => p.Add(v => v.Room, room).Add(v => v.Members, members));
        Assert.Contains(says, view.Find("p").TextContent);
    }

    [Theory]
    [InlineData(0, 0, "", "")]
    [InlineData(14, 0, "unread", "14")]
    [InlineData(120, 0, "unread", "99+")]
    [InlineData(14, 2, "unread", "2")]
    public void Weight_says_unread_and_a_filled_badge_says_you(int unread, int mentions, string weight, string badge)
    {
        var room = RoomEntry.From(Events.Summary(unread: unread)) with { Mentions = mentions };
        var view = Render<SidebarRow>(p => p.Add(v => v.Room, room));
        Assert.Equal(weight.Length > 0, view.Find("a").ClassList.Contains("unread"));
        var shown = view.FindAll(".badge").SingleOrDefault();
        Assert.Equal(badge, shown?.FirstChild?.TextContent ?? "");
        Assert.Equal(mentions == 0 && unread > 0, shown?.ClassList.Contains("quiet") ?? false);
    }

    [Fact]
    public void A_direct_room_tells_presence_also_in_words()
    {
        var room = RoomEntry.From(Events.Summary("dm.1", kind: RoomKinds.Direct, peer: new Peer("p", "priya", "Priya Raghunathan")));
        var view = Render<SidebarRow>(p => p.Add(v => v.Room, room).Add(v => v.Status, "away"));
        Assert.NotNull(view.Find(".dot.away"));
        Assert.Contains(", away", view.Find(".sr").TextContent);
        Assert.Contains("Priya Raghunathan", view.Find(".name").TextContent);
    }

    [Fact]
    public void People_who_joined_are_named_in_one_sentence()
    {
        var view = Render<TimelineRowView>(p => p.Add(v => v.Row, new SystemRow("sys", "Lena Vogt", 2, "joined", "today")));
        Assert.Equal("Lena Vogt and 2 others joined", view.Find("li > span").TextContent.Trim());
    }

    private static MessageRow Row() => new("key")
    {
        Seq = 7,
        SenderId = "user-amara",
        SenderName = "Amara Okafor",
        At = Events.Noon,
        Time = "09:44",
        FullTime = "Tuesday, 24 November 2026, 09:44:08",
        Html = "<p dir=\"auto\">hello</p>",
        First = true,
    };
}
