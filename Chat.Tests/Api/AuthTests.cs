using System.Diagnostics.Metrics;
using System.Net;

namespace Chat.Tests.Api;

[Collection(ApiCollection.Name)]
public sealed class AuthTests(ApiFixture fixture)
{
    private readonly ApiHost _host = fixture.Host;
    private readonly ApiCaller _nobody = fixture.Host.Caller(null);

    [Fact]
    public async Task A_registration_is_a_session_at_once()
    {
        var name = Accounts.NewName();
        var answer = await _nobody.PostAsync("/api/auth/register", new { user_name = name.ToUpperInvariant(), password = Accounts.Password, display_name = "Ada L." });
        var json = answer.Expect(HttpStatusCode.Created).Json;
        Assert.Equal(name, json.GetProperty("user_name").GetString());
        Assert.Equal("Bearer", json.GetProperty("token_type").GetString());
        Assert.Equal(900, json.GetProperty("expires_in").GetInt32());
        var me = (await _host.Caller(Accounts.Read(answer).AccessToken).GetAsync("/api/me")).Expect(HttpStatusCode.OK).Json;
        Assert.Equal("Ada L.", me.GetProperty("display_name").GetString());
        Assert.Equal(json.GetProperty("user_id").GetString(), me.GetProperty("user_id").GetString());
    }

    [Fact]
    public async Task A_taken_name_is_a_conflict_also_in_a_race()
    {
        var name = Accounts.NewName();
        var answers = await Task.WhenAll(Enumerable.Range(0, 4).Select(_ =>
            _nobody.PostAsync("/api/auth/register", new { user_name = name, password = Accounts.Password })));
        Assert.Single(answers, a => a.Status == HttpStatusCode.Created);
        foreach (var lost in answers.Where(a => a.Status != HttpStatusCode.Created)) lost.ExpectProblem(HttpStatusCode.Conflict, "conflict");
    }

    [Theory]
    [InlineData("ab", "long enough", null)]
    [InlineData("name with space", "long enough", null)]
    [InlineData("аdmin", "long enough", null)] // the first letter is Cyrillic
    [InlineData("ad\u200bmin", "long enough", null)]
    [InlineData("ad\u202emin", "long enough", null)]
    [InlineData("a-name-that-is-longer-than-32-chars", "long enough", null)]
    [InlineData(null, "long enough", null)]
    [InlineData("weak-1", "1234567", null)]
    [InlineData("weak-name", "Weak-Name", null)]
    [InlineData("weak-none", null, null)]
    [InlineData("display-1", "long enough", "two\nlines")]
    [InlineData("display-2", "long enough", "rtl \u202e override")]
    public async Task Invalid_names_and_weak_passwords_are_refused(string? userName, string? password, string? displayName) =>
        (await _nobody.PostAsync("/api/auth/register", new { user_name = userName, password, display_name = displayName }))
            .ExpectProblem(HttpStatusCode.BadRequest, "bad_request");

    [Fact]
    public async Task Fields_that_are_not_the_clients_to_set_are_ignored()
    {
        var answer = await _nobody.PostAsync("/api/auth/register",
            new { user_name = Accounts.NewName(), password = Accounts.Password, admin = true, is_admin = true, role = "owner", user_id = "chosen" });
        var session = Accounts.Read(answer.Expect(HttpStatusCode.Created));
        Assert.NotEqual("chosen", session.UserId);
    }

    [Fact]
    public async Task Exactly_one_of_the_first_accounts_is_the_admin()
    {
        await using var empty = await fixture.StartAsync([]);
        await empty.NewUser().ArriveAsync(); // a user that came with a token makes the platform nobody's
        var sessions = await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => Accounts.RegisterAsync(empty)));
        var me = await Task.WhenAll(sessions.Select(s => empty.Caller(s.AccessToken).GetAsync("/api/me")));
        Assert.Single(me, m => m.Json.GetProperty("admin").GetBoolean());
    }

    [Fact]
    public async Task The_first_account_needs_the_bootstrap_code_and_a_closed_platform_takes_no_other()
    {
        await using var closed = await fixture.StartAsync(new Dictionary<string, string?>
        {
            ["Chat:Auth:BootstrapCode"] = "open-sesame",
            ["Chat:Auth:Registration"] = "closed",
        });
        var nobody = closed.Caller(null);
        (await nobody.PostAsync("/api/auth/register", new { user_name = "root1", password = Accounts.Password })).ExpectProblem(HttpStatusCode.Forbidden, "forbidden");
        (await nobody.PostAsync("/api/auth/register", new { user_name = "root1", password = Accounts.Password, code = "guess" })).ExpectProblem(HttpStatusCode.Forbidden, "forbidden");
        var first = await nobody.PostAsync("/api/auth/register", new { user_name = "root1", password = Accounts.Password, code = "open-sesame" });
        Assert.True((await closed.Caller(Accounts.Read(first.Expect(HttpStatusCode.Created)).AccessToken).GetAsync("/api/me")).Json.GetProperty("admin").GetBoolean());
        (await nobody.PostAsync("/api/auth/register", new { user_name = "root2", password = Accounts.Password, code = "open-sesame" })).ExpectProblem(HttpStatusCode.Forbidden, "forbidden");
    }

    [Fact]
    public async Task A_platform_says_what_a_registration_takes_and_whether_it_is_empty()
    {
        await using var empty = await fixture.StartAsync(new Dictionary<string, string?> { ["Chat:Auth:BootstrapCode"] = "open-sesame" });
        await empty.NewUser().ArriveAsync();
        Assert.Equal((true, true, true), await DescribeAsync(empty));
        await empty.Caller(null).PostAsync("/api/auth/register", new { user_name = "root1", password = Accounts.Password, code = "open-sesame" });
        Assert.Equal((true, false, false), await DescribeAsync(empty));

        await using var closed = await fixture.StartAsync(new Dictionary<string, string?> { ["Chat:Auth:Registration"] = "closed" });
        Assert.Equal((false, false, true), await DescribeAsync(closed));
        await using var invite = await fixture.StartAsync(
            new Dictionary<string, string?> { ["Chat:Auth:Registration"] = "invite", ["Chat:Auth:InviteCode"] = "friends" });
        Assert.Equal((true, true, true), await DescribeAsync(invite));

        static async Task<(bool, bool, bool)> DescribeAsync(ApiHost host)
        {
            var json = (await host.Caller(null).GetAsync("/api/auth/register")).Expect(HttpStatusCode.OK).Json;
            return (json.GetProperty("open").GetBoolean(), json.GetProperty("code_required").GetBoolean(), json.GetProperty("first_account").GetBoolean());
        }
    }

    [Fact]
    public async Task Unknown_names_and_wrong_passwords_get_the_same_answer_for_the_same_work()
    {
        var name = Accounts.NewName();
        await Accounts.RegisterAsync(_host, name);
        var app = await _host.NewUser(Accounts.NewName()).ArriveAsync(); // has no password
        var appName = (await app.GetAsync("/api/me")).Json.GetProperty("user_name").GetString();
        using var hashes = new HashCounter();
        var answers = new List<ApiAnswer>();
        foreach (var userName in (string?[])[name, Accounts.NewName(), appName, "no such name!"])
        {
            var before = hashes.Count;
            answers.Add(await _nobody.PostAsync("/api/auth/login", new { user_name = userName, password = "wrong password" }));
            Assert.Equal(before + 1, hashes.Count);
        }
        foreach (var answer in answers) answer.ExpectProblem(HttpStatusCode.Unauthorized, "unauthorized");
        Assert.Single(answers.Select(a => a.Text).Distinct());
        (await _nobody.PostAsync("/api/auth/login", new { user_name = name, password = Accounts.Password })).Expect(HttpStatusCode.OK);
    }

    [Fact]
    public async Task The_eleventh_failed_login_of_a_name_has_to_wait()
    {
        var name = Accounts.NewName();
        for (var i = 0; i < 10; i++)
            (await _nobody.PostAsync("/api/auth/login", new { user_name = name, password = "wrong" })).Expect(HttpStatusCode.Unauthorized);
        var refused = (await _nobody.PostAsync("/api/auth/login", new { user_name = name, password = "wrong" })).ExpectProblem(HttpStatusCode.TooManyRequests, "rate_limited");
        Assert.True(refused.Json.GetProperty("retry_after_ms").GetInt32() > 0);
        Assert.True(refused.Headers.RetryAfter?.Delta > TimeSpan.Zero);
    }

    [Fact]
    public async Task A_new_password_replaces_the_old_one_and_ends_the_other_sessions()
    {
        var name = Accounts.NewName();
        var mine = await Accounts.RegisterAsync(_host, name);
        var other = Accounts.Read(await _nobody.PostAsync("/api/auth/login", new { user_name = name, password = Accounts.Password }));
        var me = _host.Caller(mine.AccessToken);
        (await me.PutAsync("/api/me/password", new { old = "wrong one", @new = "a new password" })).ExpectProblem(HttpStatusCode.Forbidden, "forbidden");
        (await me.PutAsync("/api/me/password", new { old = Accounts.Password, @new = "short" })).ExpectProblem(HttpStatusCode.BadRequest, "bad_request");
        (await me.PutAsync("/api/me/password", new { old = Accounts.Password, @new = "a new password" })).Expect(HttpStatusCode.NoContent);

        (await _nobody.PostAsync("/api/auth/login", new { user_name = name, password = Accounts.Password })).Expect(HttpStatusCode.Unauthorized);
        (await _nobody.PostAsync("/api/auth/login", new { user_name = name, password = "a new password" })).Expect(HttpStatusCode.OK);
        (await _nobody.PostAsync("/api/auth/refresh", new { refresh_token = other.RefreshToken })).Expect(HttpStatusCode.Unauthorized);
        (await _host.Caller(other.AccessToken).GetAsync("/api/me")).Expect(HttpStatusCode.Unauthorized);
        (await me.GetAsync("/api/me")).Expect(HttpStatusCode.OK);
    }

    [Fact]
    public async Task No_password_and_no_refresh_token_is_stored_as_it_is()
    {
        var session = await Accounts.RegisterAsync(_host);
        Assert.StartsWith("$argon2id$v=19$m=19456,t=2,p=1$", await _host.QueryAsync<string>($"select password_hash from users where user_id = '{session.UserId}'"));
        Assert.Equal(1, await _host.QueryAsync<long>(
            $"select count(*) from refresh_tokens where token_hash = sha256('{session.RefreshToken}'::bytea)"));
    }

    /// <summary>Counts the hashes that the node computes, from its own metric.</summary>
    private sealed class HashCounter : IDisposable
    {
        private readonly MeterListener _listener = new();
        private long _count;

        public HashCounter()
        {
            _listener.InstrumentPublished = (instrument, listener) =>
            {
                if (instrument.Name == "chat_password_hashes_total") listener.EnableMeasurementEvents(instrument);
            };
            _listener.SetMeasurementEventCallback<long>((_, value, _, _) => Interlocked.Add(ref _count, value));
            _listener.Start();
        }

        public long Count => Interlocked.Read(ref _count);

        public void Dispose() => _listener.Dispose();
    }
}
