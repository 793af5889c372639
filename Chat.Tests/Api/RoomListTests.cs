using System.Net;
using System.Text.Json;

namespace Chat.Tests.Api;

/// <summary>The caller's rooms and sessions as lists: what stands in them, and how they go on.</summary>
[Collection(ApiCollection.Name)]
public sealed class RoomListTests(ApiFixture fixture)
{
    private readonly ApiHost _host = fixture.Host;

    [Fact]
    public async Task What_notifies_is_all_until_a_member_chooses_and_stays_as_chosen()
    {
        var user = _host.NewUser();
        var roomId = await user.CreateRoomAsync("private");
        Assert.Equal("all", await LevelAsync(user, roomId));
        foreach (var level in (string[])["none", "mentions", "all", "mentions"])
        {
            (await user.PutAsync($"/api/rooms/{roomId}/notify", new { level })).Expect(HttpStatusCode.NoContent);
            Assert.Equal(level, await LevelAsync(user, roomId));
        }
        Assert.Equal("mentions", (await user.GetAsync($"/api/rooms/{roomId}")).Json.GetProperty("notify").GetString());
    }

    [Fact]
    public async Task What_notifies_is_chosen_by_members_alone_and_out_of_three()
    {
        var (owner, outsider) = (_host.NewUser(), await _host.NewUser().ArriveAsync());
        var (open, hidden) = (await owner.CreateRoomAsync("public"), await owner.CreateRoomAsync("private"));
        foreach (var body in (object[])[new { level = "some" }, new { level = "ALL" }, new { }, new { level = (string?)null }])
            (await owner.PutAsync($"/api/rooms/{open}/notify", body)).ExpectProblem(HttpStatusCode.BadRequest, "bad_request");
        (await outsider.PutAsync($"/api/rooms/{open}/notify", new { level = "none" })).ExpectProblem(HttpStatusCode.Forbidden, "forbidden");
        (await outsider.PutAsync($"/api/rooms/{hidden}/notify", new { level = "none" })).ExpectProblem(HttpStatusCode.NotFound, "not_found");
        (await owner.DeleteAsync($"/api/rooms/{open}")).Expect(HttpStatusCode.NoContent);
        (await owner.PutAsync($"/api/rooms/{open}/notify", new { level = "none" })).ExpectProblem(HttpStatusCode.NotFound, "not_found");
    }

    [Fact]
    public async Task Mentions_are_the_unread_messages_that_name_the_reader()
    {
        var (owner, reader) = (_host.NewUser(), await _host.NewUser().ArriveAsync());
        var roomId = await owner.CreateRoomAsync("private");
        (await owner.PostAsync($"/api/rooms/{roomId}/members", new { user_id = reader.UserId })).Expect(HttpStatusCode.Created);
        foreach (var content in (string[])["hello", $"@{reader.UserId} look", $"@{owner.UserId} me", $"and @{reader.UserId}"])
            (await owner.PostAsync($"/api/rooms/{roomId}/messages", new { content })).Expect(HttpStatusCode.Created);

        var room = await RoomAsync(reader, roomId);
        Assert.Equal(4, room.GetProperty("unread").GetInt32());
        Assert.Equal(2, room.GetProperty("mentions").GetInt32());

        (await reader.PostAsync($"/api/rooms/{roomId}/read", new { seq = room.GetProperty("head_seq").GetInt64() - 1 })).Expect(HttpStatusCode.OK);
        Assert.Equal(1, (await RoomAsync(reader, roomId)).GetProperty("mentions").GetInt32());
        Assert.Equal(0, (await RoomAsync(owner, roomId)).GetProperty("mentions").GetInt32()); // one's own message moved the marker
    }

    [Fact]
    public async Task Somebody_in_more_rooms_than_a_page_finds_each_once_by_following_the_links()
    {
        var user = _host.NewUser();
        var made = new List<string>();
        for (var i = 0; i < 7; i++) made.Add(await user.CreateRoomAsync());
        var found = await FollowAsync(user, "/api/rooms?limit=3", "room_id");
        Assert.Equal([3, 3, 1], found.Select(page => page.Length));
        Assert.Equal(made.Order(), found.SelectMany(page => page).Order());

        var whole = await user.GetAsync("/api/rooms");
        Assert.Equal(7, whole.Json.GetArrayLength());
        Assert.False(whole.Headers.Contains("Link"));
        (await user.GetAsync("/api/rooms?limit=0")).ExpectProblem(HttpStatusCode.BadRequest, "bad_request");
    }

    [Fact]
    public async Task Somebody_with_more_sessions_than_a_page_finds_each_once_by_following_the_links()
    {
        var name = Accounts.NewName();
        var session = await Accounts.RegisterAsync(_host, name);
        for (var i = 0; i < 4; i++)
            (await _host.Caller(null).PostAsync("/api/auth/login", new { user_name = name, password = Accounts.Password })).Expect(HttpStatusCode.OK);
        var found = await FollowAsync(_host.Caller(session.AccessToken), "/api/me/sessions?limit=2", "session_id");
        Assert.Equal([2, 2, 1], found.Select(page => page.Length));
        Assert.Equal(5, found.SelectMany(page => page).Distinct().Count());
    }

    [Fact]
    public async Task A_list_finds_the_newest_event_in_Postgres_when_Redis_does_not_have_it()
    {
        var user = _host.NewUser();
        var (stored, empty) = (await user.CreateRoomAsync(), await user.CreateRoomAsync());
        for (var seq = 1; seq <= 2; seq++)
        {
            var body = JsonSerializer.Serialize(new { event_type = "chat_message", event_id = Guid.NewGuid(), sender_id = "ann", content = $"old {seq}" });
            await using var insert = _host.Database.CreateCommand(
                "insert into events (room_id, seq, epoch, event_id, event_type, sender_id, ts, body) values ($1, $2, 0, $3, 'chat_message', 'ann', now(), $4)");
            foreach (var value in (object[])[stored, (long)seq, Guid.NewGuid(), body]) insert.Parameters.Add(new() { Value = value });
            await insert.ExecuteNonQueryAsync();
        }

        var room = await RoomAsync(user, stored);
        Assert.Equal(2, room.GetProperty("head_seq").GetInt64());
        Assert.Equal("old 2", room.GetProperty("last_event").GetProperty("content").GetString());
        Assert.Equal(2, room.GetProperty("last_event").GetProperty("seq").GetInt64());
        var silent = await RoomAsync(user, empty);
        Assert.Equal(0, silent.GetProperty("head_seq").GetInt64());
        Assert.False(silent.TryGetProperty("last_event", out _));
    }

    private static async Task<JsonElement> RoomAsync(ApiCaller user, string roomId) =>
        (await user.GetAsync("/api/rooms")).Expect(HttpStatusCode.OK).Json.EnumerateArray().Single(room => room.GetProperty("room_id").GetString() == roomId);

    private static async Task<string?> LevelAsync(ApiCaller user, string roomId) => (await RoomAsync(user, roomId)).GetProperty("notify").GetString();

    private static async Task<List<string[]>> FollowAsync(ApiCaller user, string path, string id)
    {
        var pages = new List<string[]>();
        for (string? next = path; next is not null;)
        {
            Assert.True(pages.Count < 20, "The links lead in a circle.");
            var page = (await user.GetAsync(next)).Expect(HttpStatusCode.OK);
            pages.Add([.. page.Json.EnumerateArray().Select(item => item.GetProperty(id).GetString()!)]);
            next = page.Headers.TryGetValues("Link", out var links) ? links.Single().Split('<', '>')[1] : null;
        }
        return pages;
    }
}
