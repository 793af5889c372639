using System.Net;
using System.Net.Sockets;
using System.Text;
using Chat.Client;
using Chat.Contracts;
using Chat.Contracts.Api;

namespace Chat.Tests.Client;

public sealed class ApiTests
{
    [Fact]
    public async Task A_refusal_carries_the_code_the_message_and_the_delay_of_the_problem_details()
    {
        var api = Api(_ => Answer(429, """{"title":"Too many","status":429,"detail":"Wait a little.","code":"rate_limited","retry_after_ms":1500}""", "application/problem+json"));
        var refusal = await Assert.ThrowsAsync<ChatException>(() => api.GetMeAsync());
        Assert.Equal((ErrorCodes.RateLimited, "Wait a little.", 1500), (refusal.Code, refusal.Message, refusal.RetryAfterMs));
    }

    [Theory]
    [InlineData(401, ErrorCodes.Unauthorized)]
    [InlineData(404, ErrorCodes.NotFound)]
    [InlineData(413, ErrorCodes.TooLarge)]
    [InlineData(502, ErrorCodes.Unavailable)]
    [InlineData(500, ErrorCodes.Internal)]
    public async Task An_answer_of_a_proxy_gets_the_code_of_its_status(int status, string code)
    {
        var api = Api(_ => Answer(status, "<h1>no</h1>", "text/html"));
        Assert.Equal(code, (await Assert.ThrowsAsync<ChatException>(() => api.GetMeAsync())).Code);
    }

    [Fact]
    public async Task A_server_that_cannot_be_reached_is_unavailable()
    {
        var api = Api(_ => throw new HttpRequestException("no route"));
        Assert.Equal(ErrorCodes.Unavailable, (await Assert.ThrowsAsync<ChatException>(() => api.GetMyRoomsAsync())).Code);
    }

    [Fact]
    public async Task A_connection_that_is_reset_as_soon_as_it_stands_is_unavailable()
    {
        var api = Api(_ => throw new SocketException((int)SocketError.NotConnected));
        Assert.Equal(ErrorCodes.Unavailable, (await Assert.ThrowsAsync<ChatException>(() => api.GetMeAsync())).Code);
    }

    [Fact]
    public async Task Without_a_token_nothing_is_sent()
    {
        var api = new ChatApi(new HttpClient(new Network(_ => throw new InvalidOperationException("sent"))) { BaseAddress = new Uri("http://chat.test") });
        Assert.Equal(ErrorCodes.Unauthorized, (await Assert.ThrowsAsync<ChatException>(() => api.GetMeAsync())).Code);
    }

    [Theory]
    [InlineData("</api/rooms?public=true&after=a>; rel=\"next\"")]
    [InlineData("<http://evil.test/api/rooms?public=true&after=a>; rel=\"next\"")]
    public async Task The_next_page_is_asked_of_the_same_host_whatever_the_link_says(string link)
    {
        var asked = new List<Uri>();
        var api = Api(request =>
        {
            asked.Add(request.RequestUri!);
            var answer = Answer(200, """[{"room_id":"a","name":"A","kind":"public"}]""", "application/json");
            if (asked.Count == 1) answer.Headers.TryAddWithoutValidation("Link", link);
            return answer;
        });
        var first = await api.GetPublicRoomsAsync("a b");
        Assert.Equal("a", Assert.Single(first.Items).RoomId);
        var second = await api.GetPublicRoomsAsync(next: first.Next);
        Assert.Null(second.Next);
        Assert.Equal(["http://chat.test/api/rooms?public=true&q=a%20b", "http://chat.test/api/rooms?public=true&after=a"], asked.Select(uri => uri.AbsoluteUri));
    }

    [Fact]
    public async Task My_rooms_are_those_of_all_pages_newest_activity_first()
    {
        var asked = new List<string>();
        var api = Api(request =>
        {
            asked.Add(request.RequestUri!.PathAndQuery);
            var (room, at) = asked.Count switch { 1 => ("a", "10:00"), 2 => ("b", "12:00"), _ => ("c", "11:00") };
            var answer = Answer(200, $$$"""[{"room_id":"{{{room}}}","name":"A","kind":"public","last_event":{"event_type":"chat_message","timestamp":"2026-11-24T{{{at}}}:00.000Z"}}]""", "application/json");
            if (asked.Count < 3) answer.Headers.TryAddWithoutValidation("Link", $"</api/rooms?after={room}>; rel=\"next\"");
            return answer;
        });
        Assert.Equal(["b", "c", "a"], (await api.GetMyRoomsAsync()).Select(room => room.RoomId));
        Assert.Equal(["/api/rooms", "/api/rooms?after=a", "/api/rooms?after=b"], asked);
    }

    [Fact]
    public async Task A_list_that_leads_in_a_circle_ends_with_a_failure()
    {
        var asked = 0;
        var api = Api(_ =>
        {
            asked++;
            var answer = Answer(200, "[]", "application/json");
            answer.Headers.TryAddWithoutValidation("Link", "</api/rooms?after=a>; rel=\"next\"");
            return answer;
        });
        Assert.Equal(ErrorCodes.Internal, (await Assert.ThrowsAsync<ChatException>(() => api.GetMyRoomsAsync())).Code);
        Assert.Equal(100, asked);
    }

    [Fact]
    public async Task Requests_are_written_as_the_wire_wants_them()
    {
        HttpRequestMessage? sent = null;
        string? body = null;
        var api = Api(request =>
        {
            (sent, body) = (request, request.Content!.ReadAsStringAsync().GetAwaiter().GetResult());
            return Answer(201, """{"room_id":"lobby","event_id":"e","seq":3,"epoch":"0","timestamp":"2026-11-24T12:00:00.000Z","client_id":"c"}""", "application/json");
        });
        var receipt = await api.SendMessageAsync("lobby", new SendMessageRequest { Content = "é", ClientId = "c" });
        Assert.Equal(("/api/rooms/lobby/messages", "Bearer token"), (sent!.RequestUri!.PathAndQuery, sent.Headers.Authorization!.ToString()));
        Assert.Equal("""{"content":"é","client_id":"c"}""", body);
        Assert.Equal((3L, "c"), (receipt.Seq, receipt.ClientId));
    }

    private static ChatApi Api(Func<HttpRequestMessage, HttpResponseMessage> answer) =>
        new(new HttpClient(new Network(answer)) { BaseAddress = new Uri("http://chat.test") }, _ => Task.FromResult<string?>("token"));

    private static HttpResponseMessage Answer(int status, string body, string type) =>
        new((HttpStatusCode)status) { Content = new StringContent(body, Encoding.UTF8, type) };

    /// <summary>The network below <see cref="HttpClient"/>, as the test wants it.</summary>
    private sealed class Network(Func<HttpRequestMessage, HttpResponseMessage> answer) : HttpMessageHandler
    {
        protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken) => Task.FromResult(answer(request));
    }
}
