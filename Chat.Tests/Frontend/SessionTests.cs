using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Chat.Contracts;
using Chat.Contracts.Api;
using Chat.Frontend.Session;
using Chat.Tests.Backends;
using Microsoft.Extensions.Logging.Abstractions;
using StackExchange.Redis;

namespace Chat.Tests.Frontend;

public sealed class SessionTests(RedisFixture redis)
{
    [Fact]
    public async Task Many_windows_refresh_an_expired_token_exactly_once()
    {
        await using var connection = await ConnectionMultiplexer.ConnectAsync(await redis.GetConnectionStringAsync());
        var platform = new OneUseRefresh();
        // Two frontends, each with many windows of one session.
        var frontends = new[] { Tokens(connection, platform), Tokens(connection, platform) };
        var session = Browser();
        await frontends[0].StoreAsync(session, new StoredTokens("old", DateTimeOffset.UtcNow.AddSeconds(5), "refresh-0"));

        var asked = Enumerable.Range(0, 40).Select(i => frontends[i % 2].GetAsync(session, CancellationToken.None)).ToList();
        platform.AllHaveAsked.SetResult();
        var answers = await Task.WhenAll(asked).WaitAsync(TimeSpan.FromSeconds(20));

        Assert.All(answers, tokens => Assert.Equal("access-1", tokens?.AccessToken));
        Assert.Equal(1, platform.Uses);
    }

    [Fact]
    public async Task A_refused_refresh_ends_the_session_everywhere()
    {
        await using var connection = await ConnectionMultiplexer.ConnectAsync(await redis.GetConnectionStringAsync());
        var platform = new OneUseRefresh();
        platform.AllHaveAsked.SetResult();
        var tokens = Tokens(connection, platform);
        var session = Browser();
        await tokens.StoreAsync(session, new StoredTokens("old", DateTimeOffset.UtcNow, "revoked"));
        Assert.Null(await tokens.GetAsync(session, CancellationToken.None));
        Assert.Null(await tokens.ReadAsync(session));
    }

    [Fact]
    public async Task Redis_holds_neither_tokens_nor_the_session_id()
    {
        await using var connection = await ConnectionMultiplexer.ConnectAsync(await redis.GetConnectionStringAsync());
        var session = Browser();
        await Tokens(connection, new OneUseRefresh()).StoreAsync(session, new StoredTokens("secret-access", DateTimeOffset.UtcNow, "secret-refresh"));
        var key = RedisKeys.BrowserSession(session.Hash);
        Assert.DoesNotContain(session.SessionId, key);
        var stored = System.Text.Encoding.Latin1.GetString((byte[])(await connection.GetDatabase().StringGetAsync(key))!);
        Assert.DoesNotContain("secret", stored);
    }

    [Fact]
    public void Tokens_open_only_for_the_session_they_were_sealed_for()
    {
        var tokens = new StoredTokens("access", Events.Noon, "refresh");
        var session = Browser();
        var box = SealedTokens.Seal(session, tokens);
        Assert.Equal(tokens, SealedTokens.Open(session, box));
        Assert.Null(SealedTokens.Open(Browser(), box));
        box[^1] ^= 1;
        Assert.Null(SealedTokens.Open(session, box));
        Assert.Null(SealedTokens.Open(session, []));
    }

    [Fact]
    public void A_cookie_without_all_its_parts_is_nobody()
    {
        var session = Browser();
        Assert.Equal(session, BrowserSession.From(session.ToPrincipal()));
        Assert.Null(BrowserSession.From(new System.Security.Claims.ClaimsPrincipal()));
    }

    private static BrowserSession Browser() => BrowserSession.New(new Session("user-1", "sam", "access", 900, "refresh"));

    private static SharedTokens Tokens(IConnectionMultiplexer connection, HttpMessageHandler platform) => new(
        connection, new AnonymousApi(new HttpClient(platform) { BaseAddress = new Uri("http://realtime") }), TimeProvider.System, NullLogger<SharedTokens>.Instance);

    /// <summary>The platform's rule at the network: a refresh token is good for one use.</summary>
    private sealed class OneUseRefresh : HttpMessageHandler
    {
        private string _current = "refresh-0";
        private int _uses;

        public int Uses => _uses;

        /// <summary>No refresh is answered before: whoever does not share one has then asked for another.</summary>
        public TaskCompletionSource AllHaveAsked { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            var body = await request.Content!.ReadFromJsonAsync(ChatJson.Default.RefreshRequest, cancellationToken);
            await AllHaveAsked.Task.WaitAsync(cancellationToken);
            lock (this)
            {
                if (body?.RefreshToken != _current)
                    return new HttpResponseMessage(HttpStatusCode.Unauthorized) { Content = JsonContent.Create(new { code = "unauthorized", status = 401 }) };
                var use = ++_uses;
                _current = $"refresh-{use}";
                var session = new Session("user-1", "sam", $"access-{use}", 900, _current);
                return new HttpResponseMessage(HttpStatusCode.OK) { Content = new StringContent(JsonSerializer.Serialize(session, ChatJson.Default.Session), null, "application/json") };
            }
        }
    }
}
