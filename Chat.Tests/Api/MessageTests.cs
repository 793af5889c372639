using System.Diagnostics;
using System.Net;

namespace Chat.Tests.Api;

[Collection(ApiCollection.Name)]
public sealed class MessageTests(ApiFixture fixture)
{
    private readonly ApiHost _host = fixture.Host;

    [Fact]
    public async Task A_sent_message_is_acked_with_its_place_and_stands_in_history_as_sent()
    {
        var user = _host.NewUser();
        var roomId = await user.CreateRoomAsync();
        var clientId = Guid.NewGuid().ToString();
        var ack = (await user.PostAsync($"/api/rooms/{roomId}/messages", new { content = "Grüße, <b>日本</b> \"x\"", client_id = clientId, sender_id = "someone", seq = 99 }))
            .Expect(HttpStatusCode.Created).Json;
        Assert.Equal(1, ack.GetProperty("seq").GetInt64());
        Assert.Equal(roomId, ack.GetProperty("room_id").GetString());
        Assert.Equal(clientId, ack.GetProperty("client_id").GetString());

        var page = (await user.GetAsync($"/api/rooms/{roomId}/messages")).Expect(HttpStatusCode.OK).Json;
        var message = page.GetProperty("events").EnumerateArray().Single();
        Assert.Equal("Grüße, <b>日本</b> \"x\"", message.GetProperty("content").GetString());
        Assert.Equal(user.UserId, message.GetProperty("sender_id").GetString());
        foreach (var field in (string[])["event_id", "epoch", "timestamp", "client_id"])
            Assert.Equal(ack.GetProperty(field).GetString(), message.GetProperty(field).GetString());
        Assert.Equal(1, page.GetProperty("head_seq").GetInt64());
        Assert.False(page.GetProperty("has_more").GetBoolean());

        var again = (await user.PostAsync($"/api/rooms/{roomId}/messages", new { content = "other", client_id = clientId })).Expect(HttpStatusCode.Created).Json;
        Assert.Equal(ack.GetProperty("event_id").GetString(), again.GetProperty("event_id").GetString());
        Assert.Equal(1, again.GetProperty("seq").GetInt64());
    }

    [Fact]
    public async Task History_is_paged_both_ways()
    {
        var user = _host.NewUser();
        var roomId = await user.CreateRoomAsync();
        for (var i = 1; i <= 5; i++) await user.PostAsync($"/api/rooms/{roomId}/messages", new { content = $"{i}" });
        Assert.Equal("4,5|more", await PageAsync("limit=2"));
        Assert.Equal("2,3|more", await PageAsync("limit=2&before_seq=4"));
        Assert.Equal("1,2", await PageAsync("limit=5&before_seq=3"));
        Assert.Equal("2,3|more", await PageAsync("limit=2&after_seq=1"));
        Assert.Equal("4,5", await PageAsync("limit=1000&after_seq=3"));
        Assert.Equal("", await PageAsync("after_seq=5"));

        async Task<string> PageAsync(string query)
        {
            var page = (await user.GetAsync($"/api/rooms/{roomId}/messages?{query}")).Expect(HttpStatusCode.OK).Json;
            var contents = string.Join(',', page.GetProperty("events").EnumerateArray().Select(e => e.GetProperty("content").GetString()));
            return contents + (page.GetProperty("has_more").GetBoolean() ? "|more" : "");
        }
    }

    [Theory]
    [InlineData("before_seq=1&after_seq=1")]
    [InlineData("before_seq=-1")]
    [InlineData("after_seq=x")]
    [InlineData("limit=0")]
    [InlineData("wait=5")]
    [InlineData("after_seq=0&wait=-1")]
    public async Task A_wrong_query_is_refused(string query)
    {
        var user = _host.NewUser();
        var roomId = await user.CreateRoomAsync();
        (await user.GetAsync($"/api/rooms/{roomId}/messages?{query}")).ExpectProblem(HttpStatusCode.BadRequest, "bad_request");
    }

    [Fact]
    public async Task A_long_poll_answers_when_something_comes()
    {
        var user = _host.NewUser();
        var roomId = await user.CreateRoomAsync();
        var waiting = user.GetAsync($"/api/rooms/{roomId}/messages?after_seq=0&wait=30");
        await user.PostAsync($"/api/rooms/{roomId}/messages", new { content = "at last" });
        var page = (await waiting.WaitAsync(TimeSpan.FromSeconds(25))).Expect(HttpStatusCode.OK).Json; // sooner than its wait is over
        Assert.Equal("at last", page.GetProperty("events")[0].GetProperty("content").GetString());
    }

    [Fact]
    public async Task A_long_poll_ends_empty_after_its_wait()
    {
        var user = _host.NewUser();
        var roomId = await user.CreateRoomAsync();
        var watch = Stopwatch.StartNew();
        var page = (await user.GetAsync($"/api/rooms/{roomId}/messages?after_seq=0&wait=1")).Expect(HttpStatusCode.OK).Json;
        Assert.Empty(page.GetProperty("events").EnumerateArray());
        Assert.True(watch.Elapsed > TimeSpan.FromSeconds(0.9), $"It waited {watch.Elapsed}.");
    }

    [Fact]
    public async Task Who_is_removed_while_waiting_gets_nothing()
    {
        var owner = _host.NewUser();
        var roomId = await owner.CreateRoomAsync("private");
        var guest = await _host.NewUser().ArriveAsync();
        await owner.PostAsync($"/api/rooms/{roomId}/members", new { user_id = guest.UserId });
        var head = 0L;
        await Until.TrueAsync(async () => (head = (await guest.GetAsync($"/api/rooms/{roomId}/messages")).Json.GetProperty("head_seq").GetInt64()) == 1, "the join is in history");
        var waiting = guest.GetAsync($"/api/rooms/{roomId}/messages?after_seq={head}&wait=30");
        (await owner.DeleteAsync($"/api/rooms/{roomId}/members/{guest.UserId}")).Expect(HttpStatusCode.NoContent);
        (await owner.PostAsync($"/api/rooms/{roomId}/messages", new { content = "among us" })).Expect(HttpStatusCode.Created);
        (await waiting.WaitAsync(TimeSpan.FromSeconds(25))).ExpectProblem(HttpStatusCode.NotFound, "not_found");
    }

    [Fact]
    public async Task The_first_message_into_a_public_room_joins_it()
    {
        var owner = _host.NewUser();
        var roomId = await owner.CreateRoomAsync();
        var guest = _host.NewUser();
        (await guest.PostAsync($"/api/rooms/{roomId}/messages", new { content = "hi" })).Expect(HttpStatusCode.Created);
        Assert.Equal("member", (await guest.GetAsync($"/api/rooms/{roomId}")).Json.GetProperty("role").GetString());
    }

    [Fact]
    public async Task Content_has_its_limits()
    {
        var user = _host.NewUser();
        var roomId = await user.CreateRoomAsync();
        (await user.PostAsync($"/api/rooms/{roomId}/messages", new { content = new string('x', 24_001) })).ExpectProblem(HttpStatusCode.RequestEntityTooLarge, "too_large");
        (await user.PostAsync($"/api/rooms/{roomId}/messages", new { content = new string('x', 24_000) })).Expect(HttpStatusCode.Created);
        foreach (var body in (string[])["{}", """{"content":""}""", """{"content":"a\u0000b"}""", """{"content":"\ud800"}""", """{"content":7}""", """{"content":null}"""])
            (await user.PostAsync($"/api/rooms/{roomId}/messages", body)).ExpectProblem(HttpStatusCode.BadRequest, "bad_request");
    }

    [Theory]
    [InlineData("{}")]
    [InlineData("""{"seq":-1}""")]
    [InlineData("""{"seq":"1"}""")]
    public async Task A_read_marker_needs_a_number(string body)
    {
        var user = _host.NewUser();
        var roomId = await user.CreateRoomAsync();
        (await user.PostAsync($"/api/rooms/{roomId}/read", body)).ExpectProblem(HttpStatusCode.BadRequest, "bad_request");
    }
}
