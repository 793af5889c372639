using System.Net;
using System.Text.Json;

namespace Chat.Tests.Api;

[Collection(ApiCollection.Name)]
public sealed class MemberTests(ApiFixture fixture)
{
    private readonly ApiHost _host = fixture.Host;

    [Fact]
    public async Task A_join_and_a_leave_stand_in_history_once_with_their_subject_as_sender()
    {
        var owner = _host.NewUser();
        var roomId = await owner.CreateRoomAsync();
        var guest = _host.NewUser();
        (await guest.PostAsync($"/api/rooms/{roomId}/join")).Expect(HttpStatusCode.OK);
        (await guest.PostAsync($"/api/rooms/{roomId}/join")).Expect(HttpStatusCode.OK);
        (await guest.PostAsync($"/api/rooms/{roomId}/leave")).Expect(HttpStatusCode.NoContent);
        (await guest.PostAsync($"/api/rooms/{roomId}/leave")).Expect(HttpStatusCode.NoContent);

        var events = await EventsAsync(owner, roomId, 2);
        Assert.Equal(["user_join", "user_leave"], events.Select(e => e.GetProperty("event_type").GetString()));
        Assert.All(events, e => Assert.Equal(guest.UserId, e.GetProperty("sender_id").GetString()));
        Assert.All(events, e => Assert.False(e.TryGetProperty("actor_id", out _)));
        await Until.TrueAsync(async () => await _host.QueryAsync<long>($"select count(*) from outbox where room_id = '{roomId}' and sent_at is not null") == 2,
            "both outbox entries are marked as sent");
    }

    [Fact]
    public async Task Joins_at_once_make_one_member_and_one_event_each()
    {
        var owner = _host.NewUser();
        var roomId = await owner.CreateRoomAsync();
        var guests = await Task.WhenAll(Enumerable.Range(0, 10).Select(_ => _host.NewUser().ArriveAsync()));
        var answers = await Task.WhenAll(guests.Concat(guests).Select(g => g.PostAsync($"/api/rooms/{roomId}/join")));
        Assert.All(answers, a => a.Expect(HttpStatusCode.OK));
        Assert.Equal(11, await _host.QueryAsync<int>($"select member_count from rooms where room_id = '{roomId}'"));
        Assert.Equal(11, await _host.QueryAsync<long>($"select count(*) from members where room_id = '{roomId}'"));
        await EventsAsync(owner, roomId, 10);
    }

    [Fact]
    public async Task Who_is_added_or_removed_by_another_has_an_actor()
    {
        var owner = _host.NewUser();
        var roomId = await owner.CreateRoomAsync("private");
        var guest = await _host.NewUser().ArriveAsync();
        var added = (await owner.PostAsync($"/api/rooms/{roomId}/members", new { user_id = guest.UserId })).Expect(HttpStatusCode.Created).Json;
        Assert.Equal("member", added.GetProperty("role").GetString());
        (await guest.GetAsync($"/api/rooms/{roomId}/messages")).Expect(HttpStatusCode.OK);
        (await owner.DeleteAsync($"/api/rooms/{roomId}/members/{guest.UserId}")).Expect(HttpStatusCode.NoContent);
        (await guest.GetAsync($"/api/rooms/{roomId}/messages")).ExpectProblem(HttpStatusCode.NotFound, "not_found");
        (await owner.DeleteAsync($"/api/rooms/{roomId}/members/{guest.UserId}")).ExpectProblem(HttpStatusCode.NotFound, "not_found");

        var events = await EventsAsync(owner, roomId, 2);
        Assert.All(events, e => Assert.Equal(owner.UserId, e.GetProperty("actor_id").GetString()));
        Assert.All(events, e => Assert.Equal(guest.UserId, e.GetProperty("sender_id").GetString()));
    }

    [Fact]
    public async Task Only_owners_give_roles_and_moderators_remove_only_plain_members()
    {
        var owner = _host.NewUser();
        var roomId = await owner.CreateRoomAsync("private");
        var (moderator, member, other) = (await _host.NewUser().ArriveAsync(), await _host.NewUser().ArriveAsync(), await _host.NewUser().ArriveAsync());
        string members = $"/api/rooms/{roomId}/members";
        (await owner.PostAsync(members, new { user_id = moderator.UserId, role = "moderator" })).Expect(HttpStatusCode.Created);
        (await moderator.PostAsync(members, new { user_id = member.UserId })).Expect(HttpStatusCode.Created);

        (await member.PostAsync(members, new { user_id = other.UserId })).ExpectProblem(HttpStatusCode.Forbidden, "forbidden");
        (await moderator.PostAsync(members, new { user_id = other.UserId, role = "moderator" })).ExpectProblem(HttpStatusCode.Forbidden, "forbidden");
        (await moderator.PostAsync(members, new { user_id = member.UserId, role = "owner" })).ExpectProblem(HttpStatusCode.Forbidden, "forbidden");
        (await moderator.PostAsync(members, new { user_id = owner.UserId, role = "member" })).ExpectProblem(HttpStatusCode.Forbidden, "forbidden");
        (await moderator.DeleteAsync($"{members}/{owner.UserId}")).ExpectProblem(HttpStatusCode.Forbidden, "forbidden");
        (await member.DeleteAsync($"{members}/{moderator.UserId}")).ExpectProblem(HttpStatusCode.Forbidden, "forbidden");
        (await owner.PostAsync(members, new { user_id = "nobody" })).ExpectProblem(HttpStatusCode.NotFound, "not_found");
        (await owner.PostAsync(members, new { user_id = member.UserId, role = "king" })).ExpectProblem(HttpStatusCode.BadRequest, "bad_request");
        (await owner.PostAsync(members, new { })).ExpectProblem(HttpStatusCode.BadRequest, "bad_request");

        (await owner.PostAsync(members, new { user_id = moderator.UserId })).Expect(HttpStatusCode.OK); // no role: it stays
        Assert.Equal("moderator", await RoleAsync(roomId, moderator));
        (await owner.PostAsync(members, new { user_id = member.UserId, role = "moderator" })).Expect(HttpStatusCode.OK);
        (await member.PostAsync(members, new { user_id = other.UserId })).Expect(HttpStatusCode.Created);
        (await moderator.DeleteAsync($"{members}/{other.UserId}")).Expect(HttpStatusCode.NoContent);
    }

    [Fact]
    public async Task The_last_owner_stays_while_others_are_in()
    {
        var owner = _host.NewUser();
        var roomId = await owner.CreateRoomAsync();
        var heir = await _host.NewUser().ArriveAsync();
        (await heir.PostAsync($"/api/rooms/{roomId}/join")).Expect(HttpStatusCode.OK);
        (await owner.PostAsync($"/api/rooms/{roomId}/leave")).ExpectProblem(HttpStatusCode.Conflict, "conflict");
        (await owner.DeleteAsync($"/api/rooms/{roomId}/members/{owner.UserId}")).ExpectProblem(HttpStatusCode.Conflict, "conflict");
        (await owner.PostAsync($"/api/rooms/{roomId}/members", new { user_id = owner.UserId, role = "member" })).ExpectProblem(HttpStatusCode.Conflict, "conflict");
        (await owner.PostAsync($"/api/rooms/{roomId}/members", new { user_id = heir.UserId, role = "owner" })).Expect(HttpStatusCode.OK);
        (await owner.PostAsync($"/api/rooms/{roomId}/leave")).Expect(HttpStatusCode.NoContent);
        Assert.Equal("owner", await RoleAsync(roomId, heir));
        (await heir.PostAsync($"/api/rooms/{roomId}/leave")).Expect(HttpStatusCode.NoContent); // nobody is left behind
    }

    [Fact]
    public async Task Two_owners_who_leave_at_once_do_not_leave_the_room_without_one()
    {
        var (first, second, member) = (_host.NewUser(), await _host.NewUser().ArriveAsync(), await _host.NewUser().ArriveAsync());
        var roomId = await first.CreateRoomAsync();
        await first.PostAsync($"/api/rooms/{roomId}/members", new { user_id = second.UserId, role = "owner" });
        await member.PostAsync($"/api/rooms/{roomId}/join");
        var answers = await Task.WhenAll(first.PostAsync($"/api/rooms/{roomId}/leave"), second.PostAsync($"/api/rooms/{roomId}/leave"));
        Assert.Single(answers, a => a.Status == HttpStatusCode.NoContent);
        Assert.Single(answers, a => a.Status == HttpStatusCode.Conflict);
    }

    [Fact]
    public async Task Members_are_listed_in_pages_in_the_order_of_their_ids()
    {
        var owner = _host.NewUser();
        var roomId = await owner.CreateRoomAsync();
        var guests = await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => _host.NewUser().ArriveAsync()));
        foreach (var guest in guests) await guest.PostAsync($"/api/rooms/{roomId}/join");
        var found = new List<string>();
        var next = $"/api/rooms/{roomId}/members?limit=2";
        while (next is not null)
        {
            var page = (await owner.GetAsync(next)).Expect(HttpStatusCode.OK);
            found.AddRange(page.Json.EnumerateArray().Select(m => m.GetProperty("user_id").GetString()!));
            next = page.Headers.TryGetValues("Link", out var links) ? links.Single().Split('<', '>')[1] : null;
        }
        Assert.Equal(guests.Append(owner).Select(u => u.UserId).Order(StringComparer.Ordinal), found);
    }

    [Fact]
    public async Task A_deleted_room_has_no_members_left()
    {
        var owner = _host.NewUser();
        var roomId = await owner.CreateRoomAsync();
        var guest = await _host.NewUser().ArriveAsync();
        await guest.PostAsync($"/api/rooms/{roomId}/join");
        (await guest.DeleteAsync($"/api/rooms/{roomId}")).ExpectProblem(HttpStatusCode.Forbidden, "forbidden");
        (await owner.DeleteAsync($"/api/rooms/{roomId}")).Expect(HttpStatusCode.NoContent);
        (await guest.GetAsync($"/api/rooms/{roomId}/messages")).ExpectProblem(HttpStatusCode.NotFound, "not_found");
        (await guest.PostAsync($"/api/rooms/{roomId}/messages", new { content = "late" })).ExpectProblem(HttpStatusCode.NotFound, "not_found");
        Assert.Equal(0, await _host.QueryAsync<long>($"select count(*) from members where room_id = '{roomId}'"));
    }

    private Task<string> RoleAsync(string roomId, ApiCaller user) =>
        _host.QueryAsync<string>($"select role from members where room_id = '{roomId}' and user_id = '{user.UserId}'");

    private static async Task<JsonElement[]> EventsAsync(ApiCaller reader, string roomId, int count)
    {
        JsonElement[] events = [];
        await Until.TrueAsync(async () =>
        {
            events = [.. (await reader.GetAsync($"/api/rooms/{roomId}/messages?limit=200")).Expect(HttpStatusCode.OK).Json.GetProperty("events").EnumerateArray()];
            return events.Length >= count;
        }, $"{count} events in the room");
        Assert.Equal(count, events.Length);
        return events;
    }
}
