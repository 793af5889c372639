using Chat.Contracts;
using Chat.Realtime.Auth;
using Chat.Tests.Backends;

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
