using System.Net;
using Chat.Contracts;

namespace Chat.Tests.Api;

[Collection(ApiCollection.Name)]
public sealed class RoomTests(ApiFixture fixture)
{
    private readonly ApiHost _host = fixture.Host;

    [Fact]
    public async Task A_room_made_while_the_first_takeover_is_under_way_belongs_to_the_first_epoch()
    {
        await using var host = await fixture.StartAsync([]);
        await using (var begun = host.Database.CreateCommand(
            "insert into numbering (shard, current_epoch, next_epoch, started_at) values (0, -1, 1, now()) on conflict (shard) do update set current_epoch = -1"))
            await begun.ExecuteNonQueryAsync();
        var roomId = await host.NewUser().CreateRoomAsync();
        Assert.Equal(0, await host.QueryAsync<int>($"select created_epoch from rooms where room_id = '{roomId}'"));
    }

    [Fact]
    public async Task A_made_room_is_its_makers_and_empty()
    {
        var user = _host.NewUser();
        var roomId = "room-" + Guid.NewGuid().ToString("N")[..8];
        var made = await user.PostAsync("/api/rooms", new { room_id = roomId, name = "Kitchen", kind = "private", topic = "Food", role = "member" });
        Assert.Equal(roomId, made.Expect(HttpStatusCode.Created).Json.GetProperty("room_id").GetString());

        var room = (await user.GetAsync($"/api/rooms/{roomId}")).Expect(HttpStatusCode.OK).Json;
        Assert.Equal("Kitchen", room.GetProperty("name").GetString());
        Assert.Equal("Food", room.GetProperty("topic").GetString());
        Assert.Equal("private", room.GetProperty("kind").GetString());
        Assert.Equal("owner", room.GetProperty("role").GetString());
        Assert.Equal(0, room.GetProperty("head_seq").GetInt64());
        Assert.Equal(0, room.GetProperty("unread").GetInt32());
        Assert.False(room.TryGetProperty("last_event", out _));
    }

    [Fact]
    public async Task A_room_id_is_given_out_once_also_in_a_race_and_after_deletion()
    {
        var user = _host.NewUser();
        var body = new { room_id = "once-" + Guid.NewGuid().ToString("N")[..8], name = "Once", kind = "public" };
        await user.ArriveAsync();
        var answers = await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => user.PostAsync("/api/rooms", body)));
        Assert.Single(answers, a => a.Status == HttpStatusCode.Created);
        Assert.All(answers.Where(a => a.Status != HttpStatusCode.Created), a => a.ExpectProblem(HttpStatusCode.Conflict, "conflict"));
        (await user.DeleteAsync($"/api/rooms/{body.room_id}")).Expect(HttpStatusCode.NoContent);
        (await user.GetAsync($"/api/rooms/{body.room_id}")).ExpectProblem(HttpStatusCode.NotFound, "not_found");
        (await user.PostAsync("/api/rooms", body)).ExpectProblem(HttpStatusCode.Conflict, "conflict");
    }

    [Theory]
    [InlineData("dm.abc", "name", "public")]
    [InlineData("UPPER", "name", "public")]
    [InlineData("has space", "name", "public")]
    [InlineData("", "name", "public")]
    [InlineData(null, "", "public")]
    [InlineData(null, null, "public")]
    [InlineData(null, "with\u0000zero", "public")]
    [InlineData(null, "name", "dm")]
    [InlineData(null, "name", "secret")]
    [InlineData(null, "name", null)]
    public async Task An_invalid_room_is_refused(string? roomId, string? name, string? kind) =>
        (await _host.NewUser().PostAsync("/api/rooms", new { room_id = roomId, name, kind })).ExpectProblem(HttpStatusCode.BadRequest, "bad_request");

    [Fact]
    public async Task A_private_room_is_as_absent_to_outsiders()
    {
        var owner = _host.NewUser();
        var outsider = await _host.NewUser().ArriveAsync();
        var roomId = await owner.CreateRoomAsync("private");
        foreach (var id in (string[])[roomId, "absent-" + roomId[..8]])
        {
            (await outsider.GetAsync($"/api/rooms/{id}")).ExpectProblem(HttpStatusCode.NotFound, "not_found");
            (await outsider.GetAsync($"/api/rooms/{id}/messages")).ExpectProblem(HttpStatusCode.NotFound, "not_found");
            (await outsider.GetAsync($"/api/rooms/{id}/members")).ExpectProblem(HttpStatusCode.NotFound, "not_found");
            (await outsider.PostAsync($"/api/rooms/{id}/join")).ExpectProblem(HttpStatusCode.NotFound, "not_found");
            (await outsider.PostAsync($"/api/rooms/{id}/leave")).ExpectProblem(HttpStatusCode.NotFound, "not_found");
            (await outsider.PostAsync($"/api/rooms/{id}/messages", new { content = "hi" })).ExpectProblem(HttpStatusCode.NotFound, "not_found");
            (await outsider.PostAsync($"/api/rooms/{id}/read", new { seq = 1 })).ExpectProblem(HttpStatusCode.NotFound, "not_found");
            (await outsider.PostAsync($"/api/rooms/{id}/members", new { user_id = outsider.UserId })).ExpectProblem(HttpStatusCode.NotFound, "not_found");
            (await outsider.PatchAsync($"/api/rooms/{id}", new { name = "x" })).ExpectProblem(HttpStatusCode.NotFound, "not_found");
            (await outsider.DeleteAsync($"/api/rooms/{id}")).ExpectProblem(HttpStatusCode.NotFound, "not_found");
        }
        Assert.Empty((await outsider.GetAsync("/api/rooms")).Expect(HttpStatusCode.OK).Json.EnumerateArray());
    }

    [Fact]
    public async Task A_public_room_is_seen_and_read_by_outsiders_without_what_belongs_to_members()
    {
        var owner = _host.NewUser();
        var roomId = await owner.CreateRoomAsync();
        await owner.PostAsync($"/api/rooms/{roomId}/messages", new { content = "hello" });
        var outsider = _host.NewUser();
        var room = (await outsider.GetAsync($"/api/rooms/{roomId}")).Expect(HttpStatusCode.OK).Json;
        Assert.False(room.TryGetProperty("role", out _));
        Assert.False(room.TryGetProperty("unread", out _));
        Assert.Equal("hello", (await outsider.GetAsync($"/api/rooms/{roomId}/messages")).Expect(HttpStatusCode.OK).Json.GetProperty("events")[0].GetProperty("content").GetString());
        (await outsider.PatchAsync($"/api/rooms/{roomId}", new { name = "x" })).ExpectProblem(HttpStatusCode.Forbidden, "forbidden");
        Assert.Empty((await outsider.GetAsync("/api/rooms")).Json.EnumerateArray());
    }

    [Fact]
    public async Task The_public_list_is_searched_and_paged_by_links()
    {
        var owner = _host.NewUser();
        var mark = Guid.NewGuid().ToString("N")[..8];
        var expected = new List<string>();
        for (var i = 0; i < 5; i++) expected.Add(await owner.CreateRoomAsync("public", $"Findme {mark} {i} 100%_"));
        await owner.CreateRoomAsync("private", $"Findme {mark} hidden");

        var outsider = _host.NewUser();
        var found = new List<string>();
        var next = $"/api/rooms?public=true&limit=2&q={Uri.EscapeDataString($"FINDME {mark}")}";
        while (next is not null)
        {
            var page = (await outsider.GetAsync(next)).Expect(HttpStatusCode.OK);
            var ids = page.Json.EnumerateArray().Select(r => r.GetProperty("room_id").GetString()!).ToArray();
            Assert.InRange(ids.Length, 1, 2);
            found.AddRange(ids);
            next = page.Headers.TryGetValues("Link", out var links) ? links.Single().Split('<', '>')[1] : null;
        }
        Assert.Equal(expected, found);
        Assert.Equal(5, (await outsider.GetAsync($"/api/rooms?public=true&q={Uri.EscapeDataString("0%_")}&limit=200")).Json.EnumerateArray()
            .Count(r => r.GetProperty("name").GetString()!.Contains(mark)));
        Assert.Empty((await outsider.GetAsync($"/api/rooms?public=true&q={mark}x")).Json.EnumerateArray());
    }

    [Fact]
    public async Task My_rooms_come_with_what_is_new_in_them_newest_activity_first()
    {
        var owner = _host.NewUser();
        var quiet = await owner.CreateRoomAsync("public", "Quiet");
        var busy = await owner.CreateRoomAsync("public", "Busy");
        var silent = await owner.CreateRoomAsync("public", "Silent");
        var reader = _host.NewUser();
        foreach (var room in (string[])[quiet, busy, silent]) (await reader.PostAsync($"/api/rooms/{room}/join")).Expect(HttpStatusCode.OK);
        await owner.PostAsync($"/api/rooms/{quiet}/messages", new { content = "one" });
        for (var i = 0; i < 3; i++) await owner.PostAsync($"/api/rooms/{busy}/messages", new { content = $"two {i}" });

        var rooms = (await reader.GetAsync("/api/rooms")).Expect(HttpStatusCode.OK).Json.EnumerateArray().ToArray();
        Assert.Equal([busy, quiet], rooms.Take(2).Select(r => r.GetProperty("room_id").GetString()));
        Assert.Equal(3, rooms[0].GetProperty("unread").GetInt32());
        Assert.Equal("two 2", rooms[0].GetProperty("last_event").GetProperty("content").GetString());
        Assert.Equal(rooms[0].GetProperty("head_seq").GetInt64(), rooms[0].GetProperty("last_event").GetProperty("seq").GetInt64());
        Assert.Equal("member", rooms[0].GetProperty("role").GetString());

        var head = rooms[0].GetProperty("head_seq").GetInt64();
        var read = (await reader.PostAsync($"/api/rooms/{busy}/read", new { seq = head })).Expect(HttpStatusCode.OK).Json;
        Assert.Equal(0, read.GetProperty("unread").GetInt32());
        Assert.Equal(head, (await reader.GetAsync($"/api/rooms/{busy}")).Json.GetProperty("read_seq").GetInt64());
    }

    [Fact]
    public async Task The_direct_room_of_two_is_one_whoever_asks_first()
    {
        var (ada, bob) = (await _host.NewUser().ArriveAsync(), await _host.NewUser().ArriveAsync());
        var answers = await Task.WhenAll(
            ada.PostAsync("/api/rooms/direct", new { user_id = bob.UserId }), bob.PostAsync("/api/rooms/direct", new { user_id = ada.UserId }),
            ada.PostAsync("/api/rooms/direct", new { user_id = bob.UserId }), bob.PostAsync("/api/rooms/direct", new { user_id = ada.UserId }));
        Assert.Equal([RoomIds.Direct(ada.UserId, bob.UserId)], answers.Select(a => a.Expect(HttpStatusCode.OK).Json.GetProperty("room_id").GetString()).Distinct());
        var room = (await bob.GetAsync("/api/rooms")).Json.EnumerateArray().Single();
        Assert.Equal("dm", room.GetProperty("kind").GetString());
        Assert.Equal(ada.UserId, room.GetProperty("peer").GetProperty("user_id").GetString());
        Assert.Equal(ada.UserId, room.GetProperty("name").GetString());
    }

    [Fact]
    public async Task A_direct_room_is_no_room_to_others_and_never_changes()
    {
        var (ada, bob, eve) = (await _host.NewUser().ArriveAsync(), await _host.NewUser().ArriveAsync(), await _host.NewUser().ArriveAsync());
        (await ada.PostAsync("/api/rooms/direct", new { user_id = ada.UserId })).ExpectProblem(HttpStatusCode.BadRequest, "bad_request");
        (await ada.PostAsync("/api/rooms/direct", new { user_id = "nobody" })).ExpectProblem(HttpStatusCode.NotFound, "not_found");
        (await ada.PostAsync("/api/rooms/direct", new { })).ExpectProblem(HttpStatusCode.BadRequest, "bad_request");
        var roomId = (await ada.PostAsync("/api/rooms/direct", new { user_id = bob.UserId })).Json.GetProperty("room_id").GetString();
        (await eve.GetAsync($"/api/rooms/{roomId}/messages")).ExpectProblem(HttpStatusCode.NotFound, "not_found");
        (await eve.PostAsync($"/api/rooms/{roomId}/join")).ExpectProblem(HttpStatusCode.NotFound, "not_found");
        (await ada.PostAsync($"/api/rooms/{roomId}/members", new { user_id = eve.UserId })).ExpectProblem(HttpStatusCode.Forbidden, "forbidden");
        (await ada.DeleteAsync($"/api/rooms/{roomId}/members/{bob.UserId}")).ExpectProblem(HttpStatusCode.Forbidden, "forbidden");
        (await ada.PostAsync($"/api/rooms/{roomId}/leave")).ExpectProblem(HttpStatusCode.Forbidden, "forbidden");
        (await ada.PatchAsync($"/api/rooms/{roomId}", new { name = "x" })).ExpectProblem(HttpStatusCode.Forbidden, "forbidden");
        (await ada.DeleteAsync($"/api/rooms/{roomId}")).ExpectProblem(HttpStatusCode.Forbidden, "forbidden");
    }

    [Fact]
    public async Task A_room_is_changed_by_owners_and_moderators_and_nobody_else()
    {
        var (owner, moderator, member) = (_host.NewUser(), await _host.NewUser().ArriveAsync(), await _host.NewUser().ArriveAsync());
        var roomId = await owner.CreateRoomAsync("public", "Old");
        await owner.PostAsync($"/api/rooms/{roomId}/members", new { user_id = moderator.UserId, role = "moderator" });
        await owner.PostAsync($"/api/rooms/{roomId}/members", new { user_id = member.UserId });
        var changed = (await moderator.PatchAsync($"/api/rooms/{roomId}", new { topic = "New topic" })).Expect(HttpStatusCode.OK).Json;
        Assert.Equal("Old", changed.GetProperty("name").GetString());
        Assert.Equal("New topic", changed.GetProperty("topic").GetString());
        Assert.False((await owner.PatchAsync($"/api/rooms/{roomId}", new { topic = "" })).Expect(HttpStatusCode.OK).Json.TryGetProperty("topic", out _));
        (await member.PatchAsync($"/api/rooms/{roomId}", new { name = "Mine" })).ExpectProblem(HttpStatusCode.Forbidden, "forbidden");
        (await owner.PatchAsync($"/api/rooms/{roomId}", new { kind = "dm" })).ExpectProblem(HttpStatusCode.BadRequest, "bad_request");
        (await moderator.DeleteAsync($"/api/rooms/{roomId}")).ExpectProblem(HttpStatusCode.Forbidden, "forbidden");

        var outsider = _host.NewUser();
        (await outsider.GetAsync($"/api/rooms/{roomId}/messages")).Expect(HttpStatusCode.OK);
        (await owner.PatchAsync($"/api/rooms/{roomId}", new { kind = "private" })).Expect(HttpStatusCode.OK);
        (await outsider.GetAsync($"/api/rooms/{roomId}/messages")).ExpectProblem(HttpStatusCode.NotFound, "not_found");
        (await member.GetAsync($"/api/rooms/{roomId}/messages")).Expect(HttpStatusCode.OK);
    }
}
