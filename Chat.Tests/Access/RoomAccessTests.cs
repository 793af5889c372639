using Chat.Contracts;
using Chat.Contracts.Api;
using Chat.Realtime.Access;
using Chat.Tests.Api;
using Chat.Tests.Backends;

namespace Chat.Tests.Access;

public sealed class RoomAccessTests(PostgresFixture postgres, RedisFixture redis)
{
    private static readonly TimeSpan Enough = TimeSpan.FromSeconds(20);

    [Fact]
    public async Task A_member_is_read_from_the_copy_the_second_time()
    {
        await using var store = await OpenAsync();
        var (roomId, userId) = await store.RoomAsync();
        var first = await GetAsync(store, roomId, userId);
        Assert.Equal(new RoomStanding(roomId, RoomKinds.Private, Roles.Owner, 0, 3, null), first);
        await store.ExecuteAsync($"update members set role = 'member' where room_id = {roomId}"); // behind the copy's back
        Assert.Equal(first, await GetAsync(store, roomId, userId));
    }

    [Fact]
    public async Task Outsiders_are_never_copied_so_a_join_is_seen_at_once()
    {
        await using var store = await OpenAsync();
        var (roomId, userId) = await store.RoomAsync(RoomKinds.Public);
        await store.ExecuteAsync($"delete from members where room_id = {roomId}");
        Assert.False((await GetAsync(store, roomId, userId))!.IsMember);
        await store.ExecuteAsync($"insert into members values ({roomId}, {userId}, 'member', now())");
        Assert.True((await GetAsync(store, roomId, userId))!.IsMember);
    }

    [Fact]
    public async Task A_private_room_is_null_to_an_outsider_and_so_is_a_deleted_one_to_its_member()
    {
        await using var store = await OpenAsync();
        var (roomId, userId) = await store.RoomAsync();
        Assert.Null(await GetAsync(store, roomId, "somebody"));
        Assert.Null(await GetAsync(store, "absent", userId));
        await store.ExecuteAsync($"update rooms set deleted_at = now() where room_id = {roomId}");
        Assert.Null(await GetAsync(store, roomId, userId));
    }

    [Fact]
    public async Task The_higher_version_wins_over_a_late_write()
    {
        await using var store = await OpenAsync();
        var (roomId, userId) = await store.RoomAsync();
        var old = new RoomStanding(roomId, RoomKinds.Private, Roles.Owner, 4, 3, null);
        Assert.True(await store.Copy.WriteAsync(old, userId));
        Assert.True(await store.Copy.DropAsync(roomId, 5));
        Assert.Null(await store.Copy.ReadAsync(roomId, userId));
        Assert.False(await store.Copy.WriteAsync(old, userId)); // read before the loss, written after it
        Assert.Null(await store.Copy.ReadAsync(roomId, userId));
        Assert.True(await store.Copy.WriteAsync(old with { AccessVersion = 5 }, "other"));
        Assert.Equal(5, (await store.Copy.ReadAsync(roomId, "other"))?.Standing.AccessVersion);
        Assert.Null(await store.Copy.ReadAsync(roomId, userId));
    }

    [Fact]
    public async Task A_standing_older_than_an_event_of_the_room_is_not_copied()
    {
        await using var store = await OpenAsync();
        var (roomId, userId) = await store.RoomAsync();
        await store.Redis.HashSetAsync(RedisKeys.Head(roomId), "access", 7); // as numbering leaves it after a user_leave
        Assert.False(await store.Copy.WriteAsync(new RoomStanding(roomId, RoomKinds.Private, Roles.Owner, 6, 3, null), userId));
        Assert.True(await store.Copy.WriteAsync(new RoomStanding(roomId, RoomKinds.Private, Roles.Owner, 7, 3, null), userId));
    }

    [Fact]
    public async Task A_lost_invalidation_ends_by_itself()
    {
        await using var store = await OpenAsync();
        var (roomId, userId) = await store.RoomAsync();
        Assert.NotNull(await GetAsync(store, roomId, userId));
        await store.ExecuteAsync($"delete from members where room_id = {roomId}");
        await store.ExecuteAsync($"update rooms set access_version = access_version + 1 where room_id = {roomId}");
        Assert.NotNull(await GetAsync(store, roomId, userId));
        store.Time.Advance(TimeSpan.FromMinutes(2));
        Assert.Null(await GetAsync(store, roomId, userId));
        Assert.Null(await store.Copy.ReadAsync(roomId, userId));
    }

    [Fact]
    public async Task The_two_of_a_direct_room_come_with_their_standing()
    {
        await using var store = await OpenAsync();
        var (roomId, userId) = await store.RoomAsync(RoomKinds.Direct, Roles.Member);
        var (_, peer) = await store.RoomAsync();
        await store.ExecuteAsync($"insert into members values ({roomId}, {peer}, 'member', now())");
        string[] expected = [.. new[] { userId, peer }.Order(StringComparer.Ordinal)];
        Assert.Equal(expected, (await GetAsync(store, roomId, userId))!.Participants);
        Assert.Equal(expected, (await GetAsync(store, roomId, userId))!.Participants); // from the copy
    }

    [Fact]
    public async Task Only_members_may_receive()
    {
        await using var store = await OpenAsync();
        var (roomId, userId) = await store.RoomAsync(RoomKinds.Public);
        Assert.Equal([userId], await store.Access.WhoMayReceiveAsync(roomId, [userId, "stranger"], CancellationToken.None));
        await store.ExecuteAsync($"update rooms set deleted_at = now() where room_id = {roomId}");
        Assert.Empty(await store.Access.WhoMayReceiveAsync(roomId, [userId], CancellationToken.None));
    }

    [Fact]
    public async Task Rooms_that_ask_at_the_same_moment_are_told_of_their_own_members()
    {
        await using var store = await OpenAsync();
        var (first, ann) = await store.RoomAsync();
        var (second, bob) = await store.RoomAsync();
        await store.ExecuteAsync($"insert into members values ({second}, {ann}, 'member', now())");

        var told = await Task.WhenAll(new[] { first, second, first }.Select(room => store.Access.WhoMayReceiveAsync(room, [ann, bob], CancellationToken.None)));

        Assert.Equal([ann], told[0]);
        Assert.Equal(new[] { ann, bob }.Order(), told[1].Order());
        Assert.Equal([ann], told[2]);
    }

    [Fact]
    public async Task Postgres_answers_while_Redis_is_away()
    {
        await using var own = await RedisFixture.StartServerAsync();
        await using var store = await AccessStore.OpenAsync(await postgres.CreateDatabaseAsync(), own.ConnectionString);
        var (roomId, userId) = await store.RoomAsync();
        await own.KillAsync();
        Assert.True((await GetAsync(store, roomId, userId))!.IsMember);
        Assert.Null(await GetAsync(store, roomId, "somebody"));
    }

    [Fact]
    public async Task The_copy_answers_while_Postgres_is_away_however_old_it_is()
    {
        await using var own = await PostgresFixture.StartServerAsync();
        await using var store = await AccessStore.OpenAsync(await own.CreateDatabaseAsync(), await redis.GetConnectionStringAsync());
        var (roomId, userId) = await store.RoomAsync();
        var standing = await GetAsync(store, roomId, userId);
        await own.StopAsync(); // killed, its backends would answer a little longer
        store.Time.Advance(TimeSpan.FromHours(1));
        Assert.Equal(standing, await GetAsync(store, roomId, userId));
        var refusal = await Assert.ThrowsAsync<ChatException>(() => GetAsync(store, roomId, "somebody"));
        Assert.Equal(ErrorCodes.Unavailable, refusal.Code);

        await own.StartAsync();
        await Until.TrueAsync(async () =>
        {
            store.Time.Advance(TimeSpan.FromSeconds(2)); // the next caller asks whether Postgres is back
            try
            {
                return await GetAsync(store, roomId, "somebody") is null;
            }
            catch (ChatException)
            {
                return false;
            }
        }, "Postgres is asked again", Enough);
    }

    private async Task<AccessStore> OpenAsync() => await AccessStore.OpenAsync(await postgres.CreateDatabaseAsync(), await redis.GetConnectionStringAsync());

    private static Task<RoomStanding?> GetAsync(AccessStore store, string roomId, string userId) =>
        store.Access.GetAsync(roomId, userId, CancellationToken.None).AsTask().WaitAsync(Enough);
}
