using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using Chat.Realtime.Auth;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.IdentityModel.JsonWebTokens;

namespace Chat.Tests.Api;

[Collection(ApiCollection.Name)]
public sealed class TokenTests(ApiFixture fixture)
{
    private readonly ApiHost _host = fixture.Host;

    [Theory]
    [InlineData("none")]
    [InlineData("None")]
    [InlineData("NONE")]
    [InlineData("nOnE")]
    public async Task An_unsigned_token_is_refused_however_none_is_spelled(string algorithm) =>
        await RefusedAsync(TestTokens.Unsigned(new { alg = algorithm, typ = "JWT" }, TestTokens.Claims("u-none", "none")));

    [Fact]
    public async Task A_token_of_another_key_is_refused() =>
        await RefusedAsync(TestTokens.Sign(new { alg = "HS256", typ = "JWT" }, TestTokens.Claims("u-key", "key"), RandomNumberGenerator.GetBytes(32)));

    [Fact]
    public async Task A_token_signed_with_the_text_of_a_public_key_is_refused()
    {
        using var rsa = RSA.Create(2048);
        var publicKey = Encoding.ASCII.GetBytes(rsa.ExportSubjectPublicKeyInfoPem());
        await RefusedAsync(TestTokens.Sign(new { alg = "HS256", typ = "JWT" }, TestTokens.Claims("u-rsa", "rsa"), publicKey));
    }

    [Fact]
    public async Task Another_algorithm_with_the_right_key_is_refused() =>
        await RefusedAsync(TestTokens.Sign(new { alg = "HS512", typ = "JWT" }, TestTokens.Claims("u-alg", "alg")));

    [Fact]
    public async Task An_edited_payload_is_refused()
    {
        var parts = TestTokens.Mint("u-edit", "edit").Split('.');
        var other = TestTokens.Mint("u-other", "other").Split('.');
        await RefusedAsync($"{parts[0]}.{other[1]}.{parts[2]}");
    }

    [Theory]
    [InlineData("iss", "chatt")]
    [InlineData("aud", "other")]
    [InlineData("sub", "")]
    [InlineData("sub", "key.abc")]
    [InlineData("sub", "hook.abc")]
    [InlineData("sub", "with space")]
    [InlineData("sub", "ümlaut")]
    [InlineData("iss", null)]
    [InlineData("aud", null)]
    [InlineData("sub", null)]
    [InlineData("exp", null)]
    [InlineData("exp", "never")]
    public async Task A_wrong_or_missing_claim_is_refused(string claim, string? value)
    {
        var claims = TestTokens.Claims("u-claims", "claims");
        if (value is null) claims.Remove(claim);
        else claims[claim] = value;
        await RefusedAsync(TestTokens.Sign(new { alg = "HS256", typ = "JWT" }, claims));
    }

    [Fact]
    public async Task A_token_that_expired_31_seconds_ago_is_refused() =>
        await RefusedAsync(TestTokens.Mint("u-expired", "expired", TimeSpan.FromSeconds(-31)));

    [Fact]
    public async Task A_token_that_is_not_valid_yet_is_refused()
    {
        var claims = TestTokens.Claims("u-early", "early");
        claims["nbf"] = DateTimeOffset.UtcNow.AddMinutes(2).ToUnixTimeSeconds();
        await RefusedAsync(TestTokens.Sign(new { alg = "HS256", typ = "JWT" }, claims));
    }

    [Theory]
    [InlineData("refresh+jwt")]
    [InlineData("JWE")]
    [InlineData("dpop+jwt")]
    public async Task A_jwt_of_another_type_is_no_access_token(string type) =>
        await RefusedAsync(TestTokens.Sign(new { alg = "HS256", typ = type }, TestTokens.Claims("u-typ", "typ")));

    [Fact]
    public async Task A_critical_extension_is_refused() =>
        await RefusedAsync(TestTokens.Sign(new { alg = "HS256", typ = "JWT", crit = new[] { "x" }, x = 1 }, TestTokens.Claims("u-crit", "crit")));

    [Theory]
    [InlineData("")]
    [InlineData(".")]
    [InlineData("..")]
    [InlineData("a.b.c")]
    [InlineData("not a token")]
    public async Task Garbage_is_refused(string token) => await RefusedAsync(token);

    [Fact]
    public async Task Key_hints_in_the_header_are_not_followed()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var url = $"http://127.0.0.1:{((IPEndPoint)listener.LocalEndpoint).Port}/keys";
        var header = new { alg = "HS256", typ = "JWT", kid = "../../dev/null", jku = url, x5u = url };
        await RefusedAsync(TestTokens.Sign(header, TestTokens.Claims("u-jku", "jku"), RandomNumberGenerator.GetBytes(32)));
        // With the right key the hints are only ignored.
        (await _host.Caller(TestTokens.Sign(header, TestTokens.Claims("u-jku", "jku"))).GetAsync("/api/me")).Expect(HttpStatusCode.OK);
        Assert.False(listener.Pending(), "the header's address was asked");
    }

    [Fact]
    public async Task A_refresh_token_is_no_access_token()
    {
        var session = await Accounts.RegisterAsync(_host);
        await RefusedAsync(session.RefreshToken);
    }

    [Fact]
    public async Task No_token_and_no_bearer_scheme_are_refused()
    {
        (await _host.Caller(null).GetAsync("/api/me")).ExpectProblem(HttpStatusCode.Unauthorized, "unauthorized");
        var basic = await _host.Caller(null).SendAsync(HttpMethod.Get, "/api/me", null, ("Authorization", "Basic YTpi"));
        basic.ExpectProblem(HttpStatusCode.Unauthorized, "unauthorized");
        Assert.Equal("Bearer", basic.Headers.WwwAuthenticate.Single().Scheme);
    }

    [Fact]
    public async Task A_token_in_the_query_does_not_open_the_api() =>
        (await _host.Caller(null).GetAsync("/api/me?access_token=" + TestTokens.Mint("u-query", "query"))).ExpectProblem(HttpStatusCode.Unauthorized, "unauthorized");

    [Fact]
    public async Task The_first_token_of_an_unknown_sub_makes_the_user_once()
    {
        var userId = "App|" + Guid.NewGuid().ToString("N");
        var token = TestTokens.Mint(userId, "Zoë Ünique");
        var answers = await Task.WhenAll(Enumerable.Range(0, 10).Select(_ => _host.Caller(token).GetAsync("/api/me")));
        foreach (var answer in answers)
        {
            Assert.Equal(userId, answer.Expect(HttpStatusCode.OK).Json.GetProperty("user_id").GetString());
            Assert.Equal("zo___nique", answer.Json.GetProperty("user_name").GetString());
            Assert.False(answer.Json.GetProperty("admin").GetBoolean());
        }
    }

    [Fact]
    public async Task A_taken_name_gets_a_number_and_stays_fixed()
    {
        var name = "same" + Guid.NewGuid().ToString("N")[..8];
        var first = await _host.NewUser(name).ArriveAsync();
        var second = _host.NewUser(name);
        Assert.Equal(name + "2", (await second.GetAsync("/api/me")).Json.GetProperty("user_name").GetString());
        var renamed = _host.Caller(TestTokens.Mint(first.UserId, "another"));
        Assert.Equal(name, (await renamed.GetAsync("/api/me")).Json.GetProperty("user_name").GetString());
    }

    [Fact]
    public async Task A_disabled_user_is_refused()
    {
        var user = _host.NewUser();
        await using (var insert = _host.Database.CreateCommand($"insert into users (user_id, user_name, disabled, created_at) values ('{user.UserId}', '{user.UserId}', true, now())"))
            await insert.ExecuteNonQueryAsync();
        (await user.GetAsync("/api/me")).ExpectProblem(HttpStatusCode.Unauthorized, "unauthorized");
    }

    [Fact]
    public async Task An_access_token_says_who_and_for_how_long()
    {
        var session = await Accounts.RegisterAsync(_host);
        var token = new JsonWebToken(session.AccessToken);
        Assert.Equal(session.UserId, token.Subject);
        Assert.Equal("chat", token.Issuer);
        Assert.Equal(["chat"], token.Audiences);
        Assert.Equal("HS256", token.Alg);
        Assert.Equal(session.UserName, token.GetClaim("name").Value);
        Assert.InRange(token.ValidTo - DateTime.UtcNow, TimeSpan.FromMinutes(14), TimeSpan.FromMinutes(15));
    }

    [Fact]
    public void A_signing_key_that_is_too_short_is_named_with_the_remedy()
    {
        var options = _host.Services.GetRequiredService<Microsoft.Extensions.Options.IValidateOptions<AuthOptions>>();
        foreach (var key in (string[])["", "not base64", Convert.ToBase64String(new byte[31])])
            Assert.Contains("openssl rand -base64 32", options.Validate(null, new AuthOptions { SigningKey = key }).FailureMessage);
        Assert.True(options.Validate(null, new AuthOptions { SigningKey = ApiHost.SigningKey }).Succeeded);
    }

    private async Task RefusedAsync(string token) =>
        (await _host.Caller(null).SendAsync(HttpMethod.Get, "/api/me", null, ("Authorization", "Bearer " + token))).ExpectProblem(HttpStatusCode.Unauthorized, "unauthorized");
}
