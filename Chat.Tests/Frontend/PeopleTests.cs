using Chat.Contracts;
using Chat.Contracts.Api;
using Chat.Frontend.Login;
using Chat.Frontend.Members;
using Chat.Frontend.Shell;

namespace Chat.Tests.Frontend;

public sealed class PeopleTests
{
    [Fact]
    public void Members_stand_by_presence_owners_first_and_who_reads_is_online()
    {
        var presence = new PresenceBook();
        presence.Load([new PresentUser("b", "bo", PresenceStatus.Online, null), new PresentUser("c", "cy", PresenceStatus.Away, Events.Noon)], presence.Heard);
        var list = new MemberList(Events.Me);
        list.Load([Member("b", "Bo"), Member("a", "Al"), Member("c", "Cy"), Member(Events.Me, "Sam", Roles.Owner)], false);
        var sections = list.Sections(presence, null);
        Assert.Equal([PresenceStatus.Online, PresenceStatus.Away, PresenceStatus.Offline], sections.Select(s => s.Key));
        Assert.Equal(["Sam", "Bo"], sections[0].Select(m => m.Name));
        Assert.Equal(3, list.Online(presence)); // away is here, too
        Assert.Equal(["Cy"], list.Sections(presence, "cy").SelectMany(s => s).Select(m => m.Name));
    }

    [Fact]
    public void Joining_and_leaving_change_the_list_once()
    {
        var list = new MemberList(Events.Me);
        list.Load([Member("a", "Al")], false);
        Assert.True(list.Receive(Events.Of(EventTypes.UserJoin, 1, "b", "Bo")));
        Assert.False(list.Receive(Events.Of(EventTypes.UserJoin, 1, "b", "Bo")));
        Assert.True(list.Receive(Events.Of(EventTypes.UserLeave, 2, "a")));
        Assert.Equal(1, list.Count);
    }

    [Fact]
    public void An_answer_does_not_take_back_what_was_heard_since_it_was_asked_for()
    {
        var presence = new PresenceBook();
        presence.Receive(Says("b", PresenceStatus.Online));
        var asked = presence.Heard;
        presence.Receive(Says("c", PresenceStatus.Online));
        Assert.True(presence.Load([new PresentUser("b", "bo", PresenceStatus.Offline, Events.Noon), new PresentUser("c", "cy", PresenceStatus.Offline, Events.Noon)], asked));
        Assert.Equal((PresenceStatus.Offline, PresenceStatus.Online), (presence.Of("b").Status, presence.Of("c").Status));

        static ChatEvent Says(string user, string status) => new() { EventType = EventTypes.Presence, SenderId = user, Status = status };
    }

    [Fact]
    public void Presence_holds_a_bounded_number_of_people()
    {
        var presence = new PresenceBook();
        for (var i = 0; i <= PresenceBook.Capacity; i++)
            presence.Receive(new ChatEvent { EventType = EventTypes.Presence, SenderId = $"user-{i}", Status = PresenceStatus.Online });
        Assert.Equal(PresenceStatus.Offline, presence.Of("user-0").Status);
        Assert.Equal(PresenceStatus.Online, presence.Of($"user-{PresenceBook.Capacity}").Status);
    }

    [Theory]
    [InlineData("Amara Okafor", 2, "AO")]
    [InlineData("amara", 2, "A")]
    [InlineData("sam.whitfield", 2, "SW")]
    [InlineData("林美玲 Mei-Ling Lin", 2, "林")]
    [InlineData("נועה ברק", 2, "נב")]
    [InlineData("Amara Okafor", 1, "A")]
    [InlineData("", 2, "?")]
    public void Initials_are_those_of_two_words(string name, int most, string initials) => Assert.Equal(initials, AvatarFace.Initials(name, most));

    [Fact]
    public void A_tint_is_one_of_eight_and_always_the_same()
    {
        Assert.Equal(AvatarFace.Tint("user-1"), AvatarFace.Tint("user-1"));
        Assert.All(Enumerable.Range(0, 200), i => Assert.InRange(AvatarFace.Tint($"user-{i}"), 1, 8));
        Assert.Equal(8, Enumerable.Range(0, 200).Select(i => AvatarFace.Tint($"user-{i}")).Distinct().Count());
    }

    [Theory]
    [InlineData("/rooms/delivery", "/rooms/delivery")]
    [InlineData("//evil.example", "/")]
    [InlineData("/\\evil.example", "/")]
    [InlineData("https://evil.example", "/")]
    [InlineData("/\t/evil.example", "/")]
    [InlineData(null, "/")]
    public void After_the_sign_in_one_stays_on_this_origin(string? from, string to) => Assert.Equal(to, ReturnAddress.Safe(from));

    private static Member Member(string id, string name, string role = Roles.Member) => new(id, name.ToLowerInvariant(), name, role, Events.Noon);
}
