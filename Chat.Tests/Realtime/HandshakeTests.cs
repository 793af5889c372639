using System.Net;
using System.Net.WebSockets;
using Chat.Realtime.Connections;
using Chat.ServiceDefaults;
using Microsoft.Extensions.DependencyInjection;

namespace Chat.Tests.Realtime;

[Collection(nameof(NodeCollection))]
public class HandshakeTests(NodeFixture fixture)
{
    [Fact]
    public async Task The_first_frame_is_the_welcome()
    {
        var user = NodeFixture.Name("ann");
        await using var client = await TestClient.OpenAsync(fixture.Node.Address, TestNode.Token(user));
        Assert.Equal("chat.v1", client.SubProtocol);
        var welcome = await client.NextAsync(_ => true, "the first frame");
        Assert.Equal("welcome", welcome.GetProperty("event_type").GetString());
        Assert.Equal("chat.v1", welcome.GetProperty("protocol").GetString());
        Assert.Equal(user, welcome.GetProperty("user_id").GetString());
        Assert.Equal(20000, welcome.GetProperty("heartbeat_ms").GetInt32());
        Assert.Equal(32768, welcome.GetProperty("max_message_bytes").GetInt32());
        Assert.EndsWith("Z", welcome.GetProperty("session_expires_at").GetString());
        foreach (var field in new[] { "user_name", "connection_id", "node_id", "timestamp" }) Assert.NotEmpty(welcome.GetProperty(field).GetString()!);
    }

    [Fact]
    public async Task A_token_in_the_query_is_accepted()
    {
        var user = NodeFixture.Name("ann");
        await using var client = await TestClient.OpenAsync(fixture.Node.Address, token: null, query: $"access_token={TestNode.Token(user)}");
        Assert.Equal(user, (await client.NextAsync("welcome")).GetProperty("user_id").GetString());
    }

    [Fact]
    public async Task A_ticket_is_accepted_once()
    {
        var user = NodeFixture.Name("ann");
        using var http = fixture.Node.Http(user);
        using var answer = await http.PostAsync("/api/auth/ticket", null);
        var ticket = System.Text.Json.JsonDocument.Parse(await answer.Content.ReadAsStringAsync()).RootElement.GetProperty("ticket").GetString();
        await using var client = await TestClient.OpenAsync(fixture.Node.Address, token: null, query: $"ticket={ticket}");
        Assert.Equal(user, (await client.NextAsync("welcome")).GetProperty("user_id").GetString());
        Assert.Equal(HttpStatusCode.Unauthorized, await StatusOfAsync(token: null, query: $"ticket={ticket}"));
    }

    [Fact]
    public async Task Without_a_valid_token_there_is_no_upgrade()
    {
        Assert.Equal(HttpStatusCode.Unauthorized, await StatusOfAsync(token: null));
        Assert.Equal(HttpStatusCode.Unauthorized, await StatusOfAsync(token: "no.token.atall"));
        Assert.Equal(HttpStatusCode.Unauthorized, await StatusOfAsync(TestNode.Token("ann", lifetime: TimeSpan.FromSeconds(-31))));
    }

    [Theory]
    [InlineData("https://evil.example")]
    [InlineData("null")]
    [InlineData("http://127.0.0.1.evil.example")]
    [InlineData("http://127.0.0.1")] // another port is another origin
    public async Task A_foreign_origin_is_refused(string origin) =>
        Assert.Equal(HttpStatusCode.Forbidden, await StatusOfAsync(TestNode.Token("ann"), options => options.SetRequestHeader("Origin", origin)));

    [Fact]
    public async Task The_same_origin_is_let_in()
    {
        var origin = fixture.Node.Address.GetLeftPart(UriPartial.Authority);
        await using var client = await TestClient.OpenAsync(
            fixture.Node.Address, TestNode.Token(NodeFixture.Name("ann")), options => options.SetRequestHeader("Origin", origin));
        await client.NextAsync("welcome");
    }

    [Fact]
    public async Task One_connection_too_many_is_closed_with_4429()
    {
        await using var node = await TestNode.StartAsync(
            fixture.Node.Backing, ("Chat:Limits:Enabled", "true"), ("Chat:Limits:ConnectionsPerUser", "2"), ("Chat:Limits:HandshakesPerSecond", "0"));
        var user = NodeFixture.Name("ann");
        await using var first = await node.ConnectAsync(user);
        await using var second = await node.ConnectAsync(user);
        await using (var third = await TestClient.OpenAsync(node.Address, TestNode.Token(user))) Assert.Equal(4429, await third.CloseCodeAsync());
        await using var other = await node.ConnectAsync(NodeFixture.Name("bob"));
    }

    [Fact]
    public async Task No_token_is_logged_anywhere()
    {
        var log = new KeptLog();
        await using var node = await TestNode.StartAsync(fixture.Node.Backing, log, ("Logging:LogLevel:Default", "Trace"), ("Logging:Console:LogLevel:Default", "None"));
        var token = TestNode.Token(NodeFixture.Name("ann"));
        await using var client = await TestClient.OpenAsync(node.Address, token: null, query: $"access_token={token}");
        await client.NextAsync("welcome");
        await client.AskAsync(new { event_type = "authenticate", access_token = token });
        await client.CloseAsync();
        Assert.True(log.Count > 0);
        Assert.Null(log.Find(token));
    }

    [Fact]
    public async Task A_plain_request_gets_a_problem()
    {
        using var http = fixture.Node.Http("ann");
        using var answer = await http.GetAsync("/ws");
        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        Assert.Contains("\"code\":\"bad_request\"", await answer.Content.ReadAsStringAsync());
    }

    [Fact]
    public async Task A_draining_node_turns_newcomers_away_and_marks_it_for_proxies()
    {
        await using var node = await TestNode.StartAsync(fixture.Node.Backing);
        await node.Services.GetRequiredService<DrainState>().BeginAsync();
        using var socket = new ClientWebSocket();
        socket.Options.CollectHttpResponseDetails = true;
        socket.Options.SetRequestHeader("Authorization", $"Bearer {TestNode.Token("ann")}");
        await Assert.ThrowsAsync<WebSocketException>(async () =>
            await socket.ConnectAsync(new UriBuilder(node.Address) { Scheme = "ws", Path = "/ws" }.Uri, TestContext.Current.CancellationToken));
        Assert.Equal(HttpStatusCode.ServiceUnavailable, socket.HttpStatusCode);
        Assert.Contains(DrainingAnswer.Header, socket.HttpResponseHeaders!.Keys, StringComparer.OrdinalIgnoreCase);
    }

    private async Task<HttpStatusCode> StatusOfAsync(string? token, Action<ClientWebSocketOptions>? configure = null, string query = "")
    {
        using var socket = new ClientWebSocket();
        socket.Options.CollectHttpResponseDetails = true;
        if (token is not null) socket.Options.SetRequestHeader("Authorization", $"Bearer {token}");
        configure?.Invoke(socket.Options);
        await Assert.ThrowsAsync<WebSocketException>(async () =>
            await socket.ConnectAsync(new UriBuilder(fixture.Node.Address) { Scheme = "ws", Path = "/ws", Query = query }.Uri, CancellationToken.None));
        return socket.HttpStatusCode;
    }
}
