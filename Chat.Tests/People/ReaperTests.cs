using Chat.Contracts;
using Chat.Realtime.Nodes;
using Chat.ServiceDefaults.Leases;
using Chat.Tests.Backends;
using StackExchange.Redis;

namespace Chat.Tests.People;

public sealed class ReaperTests(PeopleFixture people) : IClassFixture<PeopleFixture>
{
    [Fact]
    public async Task Users_of_a_killed_process_are_told_to_be_offline_except_who_is_connected_elsewhere()
    {
        var users = await people.UsersAsync(3);
        var room = await people.RoomAsync(users);
        await using var surviving = await people.StartProcessAsync();
        var dying = await people.StartProcessAsync();
        var heard = await Listener.OnAsync(people.Store.Multiplexer, RedisKeys.EphemeralChannel(room));
        foreach (var user in users) dying.Connect(user);
        surviving.Connect(users[2]);
        await Until.TrueAsync(async () => await PresentAsync(surviving, room) == 3
            && (await people.Store.Redis.HashGetAllAsync(RedisKeys.Presence(users[2]))).Length == 2, "all are online");
        var lease = dying.LeaseId!;
        foreach (var _ in users) Assert.Equal(PresenceStatus.Online, (await heard.NextAsync("online")).Status);

        // How soon it is told, PresenceIntervalTests say.
        await dying.KillAsync();

        var offline = new[] { await heard.NextAsync("offline"), await heard.NextAsync("offline") };
        Assert.Equal(users[..2], offline.Select(presence => presence.SenderId).Order());
        Assert.All(offline, presence => Assert.Equal(PresenceStatus.Offline, presence.Status));
        await Until.TrueAsync(async () => !await people.Store.Redis.HashExistsAsync(RedisKeys.NodesDying, lease), "the claim is settled");
        Assert.Equal(1, await PresentAsync(surviving, room));
        Assert.False(await people.Store.Redis.HashExistsAsync(RedisKeys.Nodes, lease));
        Assert.False(await people.Store.Redis.KeyExistsAsync(RedisKeys.NodeUsers(lease)));
        Assert.Equal(surviving.LeaseId, Assert.Single(await people.Store.Redis.HashGetAllAsync(RedisKeys.Presence(users[2]))).Name);
        Assert.Empty(heard.TakeAll());
    }

    [Fact]
    public async Task A_process_whose_lease_was_taken_away_comes_back_under_a_new_id_with_all_its_users()
    {
        var users = await people.UsersAsync(3);
        var room = await people.RoomAsync(users);
        await using var process = await people.StartProcessAsync();
        await using var other = await people.StartProcessAsync();
        foreach (var user in users) process.Connect(user);
        await Until.TrueAsync(async () => await PresentAsync(other, room) == 3, "all are online");
        var before = process.LeaseId!;

        // As the reaper does it, which took a paused process for dead.
        var store = new LeaseStore(people.Store.Multiplexer, RedisKeys.Nodes);
        var seen = (await store.ReadAsync()).Leases.Single(stored => stored.Lease.NodeId == before);
        var claim = await ClaimWithRetryAsync(store, before);
        Assert.NotNull(claim);

        await Until.TrueAsync(() => process.LeaseId != before, "a new id");
        await Until.TrueAsync(async () => await PresentAsync(other, room) == 3, "all are online under the new id");
        foreach (var user in users)
            await Until.TrueAsync(async () => (await people.Store.Redis.HashGetAllAsync(RedisKeys.Presence(user))) is [var only] && only.Name == process.LeaseId, "nothing stands under the old id");
        Assert.True(seen.Lease.NodeId != process.LeaseId);
    }

    [Fact]
    public async Task Nobody_is_dead_because_redis_was_away_for_longer_than_a_lease_lives()
    {
        await using var redis = await RedisFixture.StartServerAsync();
        await using var process = await NodeProcess.StartAsync(redis.ConnectionString, people.Store.DatabaseConnection, null);
        await using var other = await NodeProcess.StartAsync(redis.ConnectionString, people.Store.DatabaseConnection, null);
        await using var connection = await ConnectionMultiplexer.ConnectAsync(redis.ConnectionString);
        var users = await people.UsersAsync(1);
        var room = await people.RoomAsync(users);
        var heard = await Listener.OnAsync(connection, RedisKeys.EphemeralChannel(room));
        process.Connect(users[0]);
        await Until.TrueAsync(async () => await PresentAsync(other, room) == 1, "the user is online");
        var leases = (process.LeaseId, other.LeaseId);
        Assert.Equal(PresenceStatus.Online, (await heard.NextAsync("online")).Status);

        redis.Pause();
        await Task.Delay(TimeSpan.FromSeconds(NodeLease.LifeSeconds + 1.5));
        redis.Continue();

        var store = new LeaseStore(connection, RedisKeys.Nodes);
        await Until.TrueAsync(async () => (await store.ReadAsync()).Live.Count() == 2, "both leases are renewed");
        await Until.TrueAsync(async () => await PresentAsync(other, room) == 1, "the user is online");
        Assert.Equal(leases, (process.LeaseId, other.LeaseId));
        Assert.Empty(heard.TakeAll());
    }

    [Fact]
    public async Task A_dead_process_has_one_claimant_and_an_abandoned_claim_is_taken_over()
    {
        var dead = new DeadNodes(people.Store.Multiplexer);
        var store = new LeaseStore(people.Store.Multiplexer, RedisKeys.Nodes);
        var id = Guid.NewGuid().ToString("N");
        await store.AnnounceAsync(new NodeLease(id, "http://127.0.0.1:1", NodeLease.Ready, 0, DateTimeOffset.UnixEpoch, 0));
        var seen = (await store.ReadAsync()).Leases.Single(stored => stored.Lease.NodeId == id);

        var claims = await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => dead.ClaimAsync(seen)));

        var claim = Assert.Single(claims.OfType<ReapClaim>());
        Assert.False(await store.RenewAsync(seen.Lease));
        Assert.DoesNotContain((await store.ReadAsync()).Leases, stored => stored.Lease.NodeId == id);
        var now = (await store.ReadAsync()).Now;
        Assert.DoesNotContain(await dead.TakeOverAsync(now), other => other.Process == id);
        var takenOver = Assert.Single(await dead.TakeOverAsync(now + 60_000), other => other.Process == id);
        Assert.Equal(claim.DiedAt, takenOver.DiedAt);
        Assert.Null(await dead.ExtendAsync(claim));
        await dead.DoneAsync(claim);
        Assert.True(await people.Store.Redis.HashExistsAsync(RedisKeys.NodesDying, id));
        await dead.DoneAsync(takenOver);
        Assert.False(await people.Store.Redis.HashExistsAsync(RedisKeys.NodesDying, id));
    }

    [Fact]
    public async Task A_lease_that_was_renewed_since_it_was_seen_is_not_claimed()
    {
        var dead = new DeadNodes(people.Store.Multiplexer);
        var store = new LeaseStore(people.Store.Multiplexer, RedisKeys.Nodes);
        var lease = new NodeLease(Guid.NewGuid().ToString("N"), "http://127.0.0.1:1", NodeLease.Ready, 0, DateTimeOffset.UnixEpoch, 0);
        await store.AnnounceAsync(lease);
        var seen = (await store.ReadAsync()).Leases.Single(stored => stored.Lease.NodeId == lease.NodeId);
        await Until.TrueAsync(async () => (await store.ReadAsync()).Now > seen.Lease.RenewedAt, "Redis' clock moves");

        Assert.True(await store.RenewAsync(lease));

        Assert.Null(await dead.ClaimAsync(seen));
        await store.RemoveAsync(lease.NodeId);
    }

    [Fact]
    public async Task What_a_claimant_left_undone_is_finished_by_another()
    {
        var users = await people.UsersAsync(2);
        var room = await people.RoomAsync(users);
        await using var process = await people.StartProcessAsync();
        var ghost = Guid.NewGuid().ToString("N");
        foreach (var user in users)
        {
            await people.Store.Redis.HashSetAsync(RedisKeys.Presence(user), ghost, PresenceStatus.Online);
            await people.Store.Redis.SetAddAsync(RedisKeys.NodeUsers(ghost), user);
        }
        Assert.Equal(0, await PresentAsync(process, room)); // not believed, although nobody has reaped it

        await people.Store.Redis.HashSetAsync(RedisKeys.NodesDying, ghost, "1000 500");

        await Until.TrueAsync(async () => !await people.Store.Redis.KeyExistsAsync(RedisKeys.Presence(users[0]))
            && !await people.Store.Redis.KeyExistsAsync(RedisKeys.Presence(users[1])), "the ghosts are gone");
        await Until.TrueAsync(async () => !await people.Store.Redis.HashExistsAsync(RedisKeys.NodesDying, ghost), "the claim is settled");
    }

    // The owner renews every second: the claim is made on what was seen just before.
    private async Task<ReapClaim?> ClaimWithRetryAsync(LeaseStore store, string id)
    {
        var dead = new DeadNodes(people.Store.Multiplexer);
        for (var attempt = 0; attempt < 20; attempt++)
        {
            var seen = (await store.ReadAsync()).Leases.Single(stored => stored.Lease.NodeId == id);
            if (await dead.ClaimAsync(seen) is { } claim) return claim;
        }
        return null;
    }

    private static async Task<int> PresentAsync(NodeProcess process, string room) =>
        (await process.Query.GetAsync(room, 1, null, CancellationToken.None)).Count;
}
