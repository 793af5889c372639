using System.Net;
using Chat.Client;
using Chat.Contracts;
using Chat.Contracts.Api;
using Chat.Tests.EndToEnd;
using Microsoft.Extensions.Time.Testing;

namespace Chat.Tests.Client;

public sealed class SessionTests
{
    private static readonly DateTimeOffset Noon = new(2026, 11, 24, 12, 0, 0, TimeSpan.Zero);

    [Fact]
    public async Task Tokens_are_refreshed_once_for_all_who_ask_and_the_new_ones_are_told()
    {
        var time = new FakeTimeProvider(Noon);
        using var refreshes = new RefreshEndpoint();
        var api = new ChatApi(new HttpClient(refreshes) { BaseAddress = new Uri("http://localhost") });
        var tokens = new SessionTokens(api, SessionNumber(0), time);
        var told = new List<string>();
        tokens.Refreshed += session => told.Add(session.RefreshToken);
        Assert.Equal("access-0", await tokens.GetAccessTokenAsync());

        time.Advance(TimeSpan.FromMinutes(14));
        var asked = Enumerable.Range(0, 5).Select(_ => tokens.GetAccessTokenAsync()).ToArray();
        refreshes.Answer.SetResult(SessionNumber(1));
        Assert.All(await Task.WhenAll(asked).Within("the tokens"), token => Assert.Equal("access-1", token));
        Assert.Equal(["refresh-1"], told);
        Assert.Equal(["refresh-0"], refreshes.Used);
    }

    [Fact]
    public async Task A_refused_token_is_refreshed_whatever_the_clock_says()
    {
        using var refreshes = new RefreshEndpoint();
        var tokens = new SessionTokens(new ChatApi(new HttpClient(refreshes) { BaseAddress = new Uri("http://localhost") }), SessionNumber(0));
        tokens.Refuse("access-0");
        refreshes.Answer.SetResult(SessionNumber(1));
        Assert.Equal("access-1", await tokens.GetAccessTokenAsync());
        Assert.Equal("access-1", await tokens.GetAccessTokenAsync());
        Assert.Single(refreshes.Used);
    }

    [Fact]
    public async Task A_session_that_the_server_ended_gives_no_token_any_more()
    {
        using var refreshes = new RefreshEndpoint();
        var tokens = new SessionTokens(new ChatApi(new HttpClient(refreshes) { BaseAddress = new Uri("http://localhost") }), SessionNumber(0));
        tokens.Refuse("access-0");
        refreshes.Answer.SetResult(null);
        Assert.Null(await tokens.GetAccessTokenAsync());
        Assert.Null(await tokens.GetAccessTokenAsync());
        Assert.Single(refreshes.Used);
    }

    private static Session SessionNumber(int number) => new("u1", "ann", $"access-{number}", 900, $"refresh-{number}");

    /// <summary>The network below <see cref="HttpClient"/>: answers the refresh when the test says so; null = 401.</summary>
    private sealed class RefreshEndpoint : HttpMessageHandler
    {
        public TaskCompletionSource<Session?> Answer { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
        public List<string> Used { get; } = [];

        protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            Assert.Equal("/api/auth/refresh", request.RequestUri!.AbsolutePath);
            var body = System.Text.Json.JsonSerializer.Deserialize(await request.Content!.ReadAsStringAsync(cancellationToken), ChatJson.Wire.RefreshRequest)!;
            Used.Add(body.RefreshToken!);
            return await Answer.Task is { } session
                ? new HttpResponseMessage(HttpStatusCode.OK) { Content = System.Net.Http.Json.JsonContent.Create(session, ChatJson.Wire.Session) }
                : new HttpResponseMessage(HttpStatusCode.Unauthorized);
        }
    }
}
