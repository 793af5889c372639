using Chat.Contracts;
using Chat.Realtime.Auth;
using Chat.Tests.Backends;
using Npgsql;

namespace Chat.Tests.Access;

public sealed class UserDirectoryTests(PostgresFixture postgres, RedisFixture redis)
{
    private static readonly TimeSpan Enough = TimeSpan.FromSeconds(20);

    [Fact]
    public async Task Known_users_and_our_own_tokens_are_accepted_while_Postgres_is_away()
    {
        await using var own = await PostgresFixture.StartServerAsync();
        await using var store = await AccessStore.OpenAsync(await own.CreateDatabaseAsync(), await redis.GetConnectionStringAsync());
        var directory = new UserDirectory(store.Work, store.Time);
        var minted = new TokenClaims("app-1", "Ada", null, null, store.Time.GetUtcNow().AddHours(1));
        var ada = await GetAsync(minted);
        Assert.Equal("ada", ada.UserName);
        await own.StopAsync(); // killed, its backends would answer a little longer
        store.Time.Advance(TimeSpan.FromMinutes(10)); // the copy is old

        Assert.Equal(ada, await GetAsync(minted));
        Assert.Equal("bob", (await GetAsync(minted with { UserId = "b", Name = "bob", SessionId = "s" })).UserName);
        var refusal = await Assert.ThrowsAsync<ChatException>(() => GetAsync(minted with { UserId = "app-2" })); // nobody knows whether it exists
        Assert.Equal(ErrorCodes.Unavailable, refusal.Code);

        Task<KnownUser> GetAsync(TokenClaims claims) => directory.GetOrCreateAsync(claims, CancellationToken.None).WaitAsync(Enough);
    }

    [Fact]
    public async Task Newcomers_who_come_while_others_are_created_are_created_with_one_statement_each_under_a_name_of_its_own()
    {
        var database = await postgres.CreateDatabaseAsync();
        await using var store = await AccessStore.OpenAsync(database, await redis.GetConnectionStringAsync());
        var directory = new UserDirectory(store.Work, store.Time);
        await using var source = NpgsqlDataSource.Create(database);
        await using var connection = await source.OpenConnectionAsync();
        await using var holding = await connection.BeginTransactionAsync();
        await ExecuteAsync("lock table users in share mode"); // reads go on, inserts wait

        var ada = new TokenClaims("id-0", "Ada", "Ada L.", null, store.Time.GetUtcNow().AddHours(1));
        var claims = Enumerable.Range(0, 100).Select(i => ada with { UserId = $"id-{i}", Name = i < 2 ? "Ada" : $"Name {i}" }).ToArray();
        var first = directory.GetOrCreateAsync(claims[^1], CancellationToken.None);
        await Until.TrueAsync(
            async () => await QueryAsync("select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'") == 1, "the first newcomer waits");
        var others = claims.SkipLast(1).Append(ada with { DisplayName = "Ada again" }).Select(one => directory.GetOrCreateAsync(one, CancellationToken.None)).ToArray();
        await holding.CommitAsync();

        var users = (await Task.WhenAll(others.Prepend(first)).WaitAsync(Enough)).DistinctBy(user => user.UserId).ToArray();
        Assert.Equal(claims.Select(one => one.UserId).Order(), users.Select(user => user.UserId).Order());
        Assert.Equal(claims.Length, users.Select(user => user.UserName).Distinct().Count());
        // What one statement has made bears one transaction's number. The first newcomer's and that of the taken name are two of them.
        Assert.InRange(await QueryAsync("select count(distinct xmin::text) from users"), 2, 25);

        async Task ExecuteAsync(string sql)
        {
            await using var command = connection.CreateCommand();
            command.CommandText = sql;
            await command.ExecuteNonQueryAsync();
        }

        async Task<long> QueryAsync(string sql)
        {
            await using var command = source.CreateCommand(sql);
            return (long)(await command.ExecuteScalarAsync())!;
        }
    }

    [Fact]
    public async Task A_change_is_seen_when_the_copy_is_old()
    {
        await using var store = await AccessStore.OpenAsync(await postgres.CreateDatabaseAsync(), await redis.GetConnectionStringAsync());
        var directory = new UserDirectory(store.Work, store.Time);
        var claims = new TokenClaims("app-1", "Ada", null, null, store.Time.GetUtcNow().AddHours(1));
        Assert.False((await directory.GetOrCreateAsync(claims, CancellationToken.None)).Disabled);
        await store.ExecuteAsync($"update users set disabled = true");
        Assert.False((await directory.GetOrCreateAsync(claims, CancellationToken.None)).Disabled);
        store.Time.Advance(TimeSpan.FromMinutes(1));
        Assert.True((await directory.GetOrCreateAsync(claims, CancellationToken.None)).Disabled);
    }

    [Fact]
    public async Task A_copy_is_forgotten_when_it_is_an_hour_old_or_the_user_is_changed_here()
    {
        await using var own = await PostgresFixture.StartServerAsync();
        await using var store = await AccessStore.OpenAsync(await own.CreateDatabaseAsync(), await redis.GetConnectionStringAsync());
        var directory = new UserDirectory(store.Work, store.Time);
        var (ada, bob, eve) = (Minted("app-1"), Minted("app-2"), Minted("app-3"));
        foreach (var claims in (TokenClaims[])[ada, bob]) await GetAsync(claims);
        store.Time.Advance(TimeSpan.FromMinutes(50));
        await GetAsync(eve);
        directory.Forget(eve.UserId);
        await own.StopAsync();

        await GetAsync(ada);
        await RefusedAsync(eve);
        store.Time.Advance(TimeSpan.FromMinutes(11));
        await RefusedAsync(bob);

        TokenClaims Minted(string userId) => new(userId, userId, null, null, store.Time.GetUtcNow().AddHours(9));
        Task<KnownUser> GetAsync(TokenClaims claims) => directory.GetOrCreateAsync(claims, CancellationToken.None).WaitAsync(Enough);
        async Task RefusedAsync(TokenClaims claims) => Assert.Equal(ErrorCodes.Unavailable, (await Assert.ThrowsAsync<ChatException>(() => GetAsync(claims))).Code);
    }
}
