using System.Net;
using System.Net.WebSockets;
using Chat.Contracts.Api;

namespace Chat.Tests.Api;

[Collection(ApiCollection.Name)]
public sealed class SessionTests(ApiFixture fixture)
{
    private readonly ApiHost _host = fixture.Host;
    private readonly ApiCaller _nobody = fixture.Host.Caller(null);

    [Fact]
    public async Task A_refresh_token_works_once_and_its_successor_works()
    {
        var first = await Accounts.RegisterAsync(_host);
        var second = await RefreshAsync(first);
        Assert.NotEqual(first.RefreshToken, second.RefreshToken);
        Assert.Equal(first.UserId, second.UserId);
        (await _host.Caller(second.AccessToken).GetAsync("/api/me")).Expect(HttpStatusCode.OK);
        await RefreshAsync(second);
    }

    [Fact]
    public async Task Reuse_of_a_refresh_token_revokes_the_family()
    {
        var first = await Accounts.RegisterAsync(_host);
        var second = await RefreshAsync(first);
        await RefusedAsync(first.RefreshToken);
        await RefusedAsync(second.RefreshToken);
        (await _host.Caller(second.AccessToken).GetAsync("/api/me")).Expect(HttpStatusCode.Unauthorized);
    }

    [Fact]
    public async Task Of_two_uses_at_once_exactly_one_wins()
    {
        for (var round = 0; round < 5; round++)
        {
            var session = await Accounts.RegisterAsync(_host);
            var answers = await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => _nobody.PostAsync("/api/auth/refresh", new { refresh_token = session.RefreshToken })));
            var winner = Accounts.Read(Assert.Single(answers, a => a.Status == HttpStatusCode.OK));
            Assert.All(answers.Where(a => a.Status != HttpStatusCode.OK), a => a.ExpectProblem(HttpStatusCode.Unauthorized, "unauthorized"));
            await RefusedAsync(winner.RefreshToken); // somebody has a copy: the family is over
        }
    }

    [Theory]
    [InlineData("")]
    [InlineData("unknown")]
    public async Task An_unknown_refresh_token_is_refused(string token) => await RefusedAsync(token);

    [Fact]
    public async Task Logging_out_ends_the_session_and_its_connections_and_no_other()
    {
        var name = Accounts.NewName();
        var ended = await Accounts.RegisterAsync(_host, name);
        var kept = Accounts.Read(await _nobody.PostAsync("/api/auth/login", new { user_name = name, password = Accounts.Password }));
        using var endedSocket = await ConnectAsync($"access_token={ended.AccessToken}");
        using var keptSocket = await ConnectAsync($"access_token={kept.AccessToken}");

        (await _nobody.PostAsync("/api/auth/logout", new { refresh_token = ended.RefreshToken })).Expect(HttpStatusCode.NoContent);

        Assert.Equal(4401, (int)await CloseStatusAsync(endedSocket));
        await RefusedAsync(ended.RefreshToken);
        (await _host.Caller(ended.AccessToken).GetAsync("/api/me")).Expect(HttpStatusCode.Unauthorized);
        (await _host.Caller(kept.AccessToken).GetAsync("/api/me")).Expect(HttpStatusCode.OK);
        Assert.Equal(WebSocketState.Open, keptSocket.State);
    }

    [Fact]
    public async Task A_session_ended_on_one_node_is_soon_over_on_the_others()
    {
        var session = await Accounts.RegisterAsync(_host);
        await using var other = await fixture.StartAsync(new Dictionary<string, string?> { ["ConnectionStrings:redis"] = fixture.Redis }); // another database, but the same Redis and key
        var elsewhere = other.Caller(session.AccessToken);
        (await elsewhere.GetAsync("/api/me")).Expect(HttpStatusCode.OK);
        (await _nobody.PostAsync("/api/auth/logout", new { refresh_token = session.RefreshToken })).Expect(HttpStatusCode.NoContent);
        await Until.TrueAsync(async () => (await elsewhere.GetAsync("/api/me")).Status == HttpStatusCode.Unauthorized, "the other node refuses the token");
    }

    [Fact]
    public async Task Sessions_are_listed_and_ended_by_their_user_alone()
    {
        var name = Accounts.NewName();
        var mine = await Accounts.RegisterAsync(_host, name);
        var other = Accounts.Read(await _nobody.PostAsync("/api/auth/login", new { user_name = name, password = Accounts.Password }));
        var me = _host.Caller(mine.AccessToken);
        var sessions = (await me.GetAsync("/api/me/sessions")).Expect(HttpStatusCode.OK).Json.EnumerateArray().ToArray();
        Assert.Equal(2, sessions.Length);
        var theirs = Assert.Single(sessions, s => !s.GetProperty("current").GetBoolean()).GetProperty("session_id").GetString();

        (await _host.NewUser().DeleteAsync($"/api/me/sessions/{theirs}")).ExpectProblem(HttpStatusCode.NotFound, "not_found");
        (await me.DeleteAsync($"/api/me/sessions/{theirs}")).Expect(HttpStatusCode.NoContent);
        (await me.DeleteAsync($"/api/me/sessions/{theirs}")).ExpectProblem(HttpStatusCode.NotFound, "not_found");
        await RefusedAsync(other.RefreshToken);
        Assert.Single((await me.GetAsync("/api/me/sessions")).Json.EnumerateArray());
    }

    [Fact]
    public async Task A_ticket_opens_one_connection_even_when_raced()
    {
        var user = _host.NewUser();
        var ticket = (await user.PostAsync("/api/auth/ticket")).Expect(HttpStatusCode.OK).Json;
        Assert.Equal(30, ticket.GetProperty("expires_in").GetInt32());
        var query = $"ticket={ticket.GetProperty("ticket").GetString()}";
        var tries = await Task.WhenAll(Enumerable.Range(0, 8).Select(async _ =>
        {
            try
            {
                using var socket = await ConnectAsync(query);
                return HttpStatusCode.SwitchingProtocols;
            }
            catch (WebSocketException e)
            {
                Assert.Contains("401", e.Message);
                return HttpStatusCode.Unauthorized;
            }
        }));
        Assert.Single(tries, t => t == HttpStatusCode.SwitchingProtocols);
    }

    [Fact]
    public async Task A_ticket_needs_a_signed_in_user() =>
        (await _nobody.PostAsync("/api/auth/ticket")).ExpectProblem(HttpStatusCode.Unauthorized, "unauthorized");

    private async Task<Session> RefreshAsync(Session session) =>
        Accounts.Read((await _nobody.PostAsync("/api/auth/refresh", new { refresh_token = session.RefreshToken })).Expect(HttpStatusCode.OK));

    private async Task RefusedAsync(string refreshToken) =>
        (await _nobody.PostAsync("/api/auth/refresh", new { refresh_token = refreshToken })).ExpectProblem(HttpStatusCode.Unauthorized, "unauthorized");

    private async Task<ClientWebSocket> ConnectAsync(string query)
    {
        var socket = new ClientWebSocket();
        using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        await socket.ConnectAsync(new Uri($"ws://{_host.Address.Authority}/ws?{query}"), deadline.Token);
        return socket;
    }

    private static async Task<WebSocketCloseStatus> CloseStatusAsync(ClientWebSocket socket)
    {
        using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        var buffer = new byte[4096];
        while ((await socket.ReceiveAsync(buffer, deadline.Token)).MessageType != WebSocketMessageType.Close) { }
        return socket.CloseStatus!.Value;
    }
}
