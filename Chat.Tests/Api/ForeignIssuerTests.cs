using System.Net;
using System.Text;
using Chat.Realtime.Auth;
using Chat.Tests.Backends;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.IdentityModel.Tokens;

namespace Chat.Tests.Api;

public sealed class ForeignIssuerTests(PostgresFixture postgres, RedisFixture redis, KafkaFixture kafka) : IAsyncLifetime
{
    private ForeignIssuer _first = null!;
    private ForeignIssuer _second = null!;
    private ApiHost _host = null!;

    public async ValueTask InitializeAsync()
    {
        (_first, _second) = (await ForeignIssuer.StartAsync("https://login.example"), await ForeignIssuer.StartAsync("https://other.example"));
        var settings = new Dictionary<string, string?>();
        foreach (var (i, issuer, prefix) in new[] { (0, _first, "corp"), (1, _second, "guests") })
        {
            settings[$"Chat:Auth:Issuers:{i}:Issuer"] = issuer.Name;
            settings[$"Chat:Auth:Issuers:{i}:JwksUri"] = issuer.JwksUri.ToString();
            settings[$"Chat:Auth:Issuers:{i}:Audience"] = ForeignIssuer.Audience;
            settings[$"Chat:Auth:Issuers:{i}:Prefix"] = prefix;
        }
        _host = await ApiHost.StartAsync(
            await postgres.CreateDatabaseAsync(), await redis.GetConnectionStringAsync(), await kafka.GetConnectionStringAsync(), settings);
    }

    [Fact]
    public async Task A_foreign_token_brings_its_user_under_the_issuers_prefix()
    {
        var me = await _host.Caller(_first.Mint("ann")).GetAsync("/api/me");
        Assert.Equal(HttpStatusCode.OK, me.Status);
        Assert.Equal("corp.ann", me.Json.GetProperty("user_id").GetString());
        Assert.Equal("name_of_ann", me.Json.GetProperty("user_name").GetString());
        Assert.Equal("guests.ann", (await _host.Caller(_second.Mint("ann")).GetAsync("/api/me")).Json.GetProperty("user_id").GetString());
    }

    [Fact]
    public async Task A_foreign_token_that_names_a_session_of_ours_has_none()
    {
        var claims = await _host.Services.GetRequiredService<AccessTokens>().ReadAsync(_first.Mint("ann", sid: "theirs"), TestContext.Current.CancellationToken);
        Assert.Null(claims!.SessionId);
    }

    [Fact]
    public async Task Each_issuer_vouches_for_its_own_users_alone()
    {
        await RefusedAsync(_first.Mint("ann", key: _second.Key));
        await RefusedAsync(_first.Mint("ann", audience: "another-application"));
        await RefusedAsync(_first.Mint("ann", audience: null));
        // Signed with what anybody can read.
        await RefusedAsync(_first.Mint("ann", key: new SymmetricSecurityKey(Encoding.ASCII.GetBytes(_first.Key.Rsa.ExportSubjectPublicKeyInfoPem())), algorithm: SecurityAlgorithms.HmacSha256));
        // The platform's own name with a foreign key.
        var stranger = await ForeignIssuer.StartAsync("chat");
        await using (stranger) await RefusedAsync(stranger.Mint("ann", audience: "chat"));
        await RefusedAsync(_first.Mint("ann") + "x");
        await RefusedAsync(_first.Mint("with space"));
    }

    [Fact]
    public async Task A_token_of_a_new_key_is_taken_at_once_and_invented_keys_ask_no_more_than_once()
    {
        Assert.Equal(HttpStatusCode.OK, (await _host.Caller(_first.Mint("ann")).GetAsync("/api/me")).Status);
        _first.ChangeKey();
        Assert.Equal(HttpStatusCode.OK, (await _host.Caller(_first.Mint("ben")).GetAsync("/api/me")).Status);
        var before = _first.Requests;
        for (var i = 0; i < 5; i++)
            await RefusedAsync(_first.Mint("eve", key: new RsaSecurityKey(_second.Key.Rsa) { KeyId = $"invented-{i}" }));
        Assert.InRange(_first.Requests - before, 0, 1);
    }

    public async ValueTask DisposeAsync()
    {
        if (_host is not null) await _host.DisposeAsync();
        if (_first is not null) await _first.DisposeAsync();
        if (_second is not null) await _second.DisposeAsync();
    }

    private async Task RefusedAsync(string token) => Assert.Equal(HttpStatusCode.Unauthorized, (await _host.Caller(token).GetAsync("/api/me")).Status);
}
