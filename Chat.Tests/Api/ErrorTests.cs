using System.Net;
using System.Text;

namespace Chat.Tests.Api;

[Collection(ApiCollection.Name)]
public sealed class ErrorTests(ApiFixture fixture)
{
    private readonly ApiHost _host = fixture.Host;

    [Theory]
    [InlineData("")]
    [InlineData("{")]
    [InlineData("null")]
    [InlineData("[]")]
    [InlineData("\"text\"")]
    [InlineData("""{"name":7,"kind":"public"}""")]
    [InlineData("""{"name":"\ud800","kind":"public"}""")]
    public async Task A_malformed_body_is_refused(string body) =>
        (await _host.NewUser().PostAsync("/api/rooms", body)).ExpectProblem(HttpStatusCode.BadRequest, "bad_request");

    [Theory]
    [InlineData("/api/users?q=a%00b")]
    [InlineData("/api/rooms?public=true&q=%00")]
    [InlineData("/api/users?q=a&after=AA")] // base64 of U+0000
    public async Task A_zero_character_is_refused_and_no_fault_of_ours(string path) =>
        (await _host.NewUser().GetAsync(path)).ExpectProblem(HttpStatusCode.BadRequest, "bad_request");

    [Fact]
    public async Task A_body_too_deep_is_refused() =>
        (await _host.NewUser().PostAsync("/api/rooms", $$"""{"name":"x","kind":"public","extra":{{new string('[', 10_000)}}{{new string(']', 10_000)}}}"""))
            .ExpectProblem(HttpStatusCode.BadRequest, "bad_request");

    [Fact]
    public async Task Another_media_type_and_a_compressed_body_are_refused()
    {
        var user = _host.NewUser();
        (await user.SendAsync(HttpMethod.Post, "/api/rooms", new StringContent("""{"name":"x","kind":"public"}""", Encoding.UTF8, "text/plain")))
            .ExpectProblem(HttpStatusCode.UnsupportedMediaType, "bad_request");
        var compressed = new ByteArrayContent([0x1f, 0x8b, 8, 0]);
        compressed.Headers.ContentType = new("application/json");
        compressed.Headers.ContentEncoding.Add("gzip");
        (await user.SendAsync(HttpMethod.Post, "/api/rooms", compressed)).ExpectProblem(HttpStatusCode.UnsupportedMediaType, "bad_request");
    }

    [Fact]
    public async Task A_body_too_large_is_refused() =>
        (await _host.NewUser().PostAsync("/api/rooms", new { name = new string('x', 300_000), kind = "public" })).ExpectProblem(HttpStatusCode.RequestEntityTooLarge, "too_large");

    [Theory]
    [InlineData("GET", "/api/nothing", 404, "not_found")]
    [InlineData("GET", "/api/hooks", 404, "not_found")]
    [InlineData("GET", "/api/search?q=x", 404, "not_found")]
    [InlineData("GET", "/api/admin/stats", 404, "not_found")]
    [InlineData("POST", "/api/me", 405, "bad_request")]
    public async Task What_is_not_built_has_no_route(string method, string path, int status, string code) =>
        (await _host.NewUser().SendAsync(new HttpMethod(method), path)).ExpectProblem((HttpStatusCode)status, code);

    [Fact]
    public async Task Too_many_requests_of_one_user_have_to_wait()
    {
        await using var limited = await fixture.StartAsync(new Dictionary<string, string?> { ["Chat:Limits:RequestsPerSecond"] = "1" });
        var user = limited.NewUser();
        var answers = await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => user.GetAsync("/api/me")));
        Assert.Contains(answers, a => a.Status == HttpStatusCode.OK);
        var refused = answers.First(a => a.Status != HttpStatusCode.OK).ExpectProblem(HttpStatusCode.TooManyRequests, "rate_limited");
        Assert.True(refused.Json.GetProperty("retry_after_ms").GetInt32() > 0);
        Assert.True(refused.Headers.RetryAfter?.Delta >= TimeSpan.FromSeconds(1));
        (await limited.NewUser().GetAsync("/api/me")).Expect(HttpStatusCode.OK);
    }

    [Theory]
    [InlineData("https://app.example", true)]
    [InlineData("https://app.example.evil.example", false)]
    [InlineData("null", false)]
    public async Task Only_configured_origins_may_read_answers(string origin, bool allowed)
    {
        var preflight = await _host.Caller(null).SendAsync(HttpMethod.Options, "/api/rooms", null,
            ("Origin", origin), ("Access-Control-Request-Method", "POST"), ("Access-Control-Request-Headers", "authorization,content-type"));
        Assert.Equal(allowed, preflight.Headers.Contains("Access-Control-Allow-Origin"));
        var refusal = await _host.Caller(null).SendAsync(HttpMethod.Get, "/api/me", null, ("Origin", origin));
        Assert.Equal(allowed, refusal.ExpectProblem(HttpStatusCode.Unauthorized, "unauthorized").Headers.Contains("Access-Control-Allow-Origin"));
    }

    [Fact]
    public async Task The_description_names_every_route()
    {
        var paths = (await _host.Caller(null).GetAsync("/openapi/v1.json")).Expect(HttpStatusCode.OK).Json.GetProperty("paths");
        foreach (var path in (string[])["/api/auth/register", "/api/auth/ticket", "/api/me", "/api/rooms", "/api/rooms/{roomId}/messages", "/api/rooms/{roomId}/members/{userId}"])
            Assert.All(paths.GetProperty(path).EnumerateObject(), o => Assert.False(string.IsNullOrEmpty(o.Value.GetProperty("summary").GetString())));
        var send = paths.GetProperty("/api/rooms/{roomId}/messages").GetProperty("post");
        Assert.True(send.TryGetProperty("requestBody", out _));
        Assert.Equal(["roomId"], send.GetProperty("parameters").EnumerateArray().Select(p => p.GetProperty("name").GetString()));
    }
}
