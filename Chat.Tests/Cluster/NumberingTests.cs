using Chat.Contracts;
using Chat.Data.History;
using Chat.Data.Numbering;
using Chat.Tests.Backends;
using Chat.Tests.Numbering;
using StackExchange.Redis;

namespace Chat.Tests.Cluster;

/// <summary>The numbering on a Redis Cluster: rooms of all shards in one epoch, and no number twice whatever becomes of a shard.</summary>
public sealed class NumberingTests(MigratedDatabaseFixture database) : IClassFixture<MigratedDatabaseFixture>, IAsyncLifetime
{
    private static readonly TimeSpan Wait = TimeSpan.FromSeconds(60);

    private readonly string[] _rooms = [RedisCluster.NameOn(0), RedisCluster.NameOn(1), RedisCluster.NameOn(2)];
    private RedisCluster _cluster = null!;
    private RoomStore _store = null!;

    public async ValueTask InitializeAsync()
    {
        _cluster = await RedisCluster.StartAsync();
        _store = await database.OpenAsync(_cluster.ConnectionString);
    }

    public async ValueTask DisposeAsync()
    {
        if (_store is not null) await _store.DisposeAsync();
        if (_cluster is not null) await _cluster.DisposeAsync();
    }

    [Fact]
    public async Task Rooms_of_all_shards_are_numbered_in_the_first_epoch_and_read_back()
    {
        foreach (var room in _rooms)
        {
            var numbers = await _store.FillAsync(room, 3);
            var again = await _store.Numbering.LookUpAsync(room, [.. numbers.Select(number => number.EventId)], CancellationToken.None);
            var slice = await _store.Hot.ReadOldestAsync(room, 0, long.MaxValue, 10, CancellationToken.None);

            Assert.Equal([(1L, 0), (2L, 0), (3L, 0)], numbers.Select(number => (number.Seq, number.Epoch)));
            Assert.Equal([1L, 2L, 3L], again.Select(number => number!.Value.Seq));
            Assert.Equal([1L, 2L, 3L], slice.Events.Select(e => e.Event.Seq));
            Assert.True(slice.IsCurrent);
            await _store.PersistAsync(room);
        }
    }

    [Fact]
    public async Task Rooms_of_all_shards_hear_what_is_persisted_and_their_ids_live_shorter()
    {
        foreach (var room in _rooms)
        {
            var ids = (await _store.FillAsync(room, 3)).Select(number => number.EventId).ToList();

            await _store.Hot.MarkPersistedAsync(room, 3, 1, [.. ids.Select(id => new IdLife(id, TimeSpan.FromHours(1)))]);

            Assert.Equal(3, await _store.Redis.HashGetAsync(RedisKeys.Head(room), "persisted"));
            foreach (var id in ids)
                Assert.True(await _store.Redis.KeyTimeToLiveAsync(RedisKeys.IdPrefix(room) + id.ToString("N")) <= TimeSpan.FromHours(1));
            Assert.Equal([1L, 2L, 3L], (await _store.Hot.ReadAfterAsync(room, 0, 10, CancellationToken.None)).Select(e => e.Event.Seq));
        }
    }

    [Fact]
    public async Task Every_slot_has_a_guard_of_its_own()
    {
        await _store.Epochs.GetAsync(CancellationToken.None);
        var guards = _store.Get<EpochGuards>().ByShard();

        var slots = guards.SelectMany(shard => shard).Select(guard => _store.Multiplexer.HashSlot(guard)).ToList();
        Assert.Equal(3, guards.Count);
        Assert.Equal(Enumerable.Range(0, 16_384), slots.Order());
        foreach (var server in _cluster.Servers) Assert.InRange(long.Parse((await server.AskAsync("DBSIZE")).Trim().TrimStart(':')), 5_461, 5_462);
    }

    [Theory]
    [InlineData(0, false)]
    [InlineData(1, false)]
    [InlineData(2, true)]
    public async Task A_shard_that_is_emptied_begins_an_epoch_for_all(int shard, bool scriptsToo)
    {
        foreach (var room in _rooms) await _store.FillAsync(room, 3);
        await _cluster.Servers[shard].AskAsync("FLUSHALL");
        if (scriptsToo) await _cluster.Servers[shard].AskAsync("SCRIPT", "FLUSH");

        Assert.Equal(1, await _store.Epochs.EnsureInForceAsync(CancellationToken.None));

        foreach (var room in _rooms)
            Assert.Equal([RoomStore.FirstOf(1), RoomStore.FirstOf(1) + 1], (await _store.FillAsync(room, 2)).Select(number => number.Seq));
    }

    [Fact]
    public async Task A_room_of_an_emptied_shard_is_refused_before_anybody_looks()
    {
        foreach (var room in _rooms) await _store.FillAsync(room, 3);
        await _cluster.Servers[1].AskAsync("FLUSHALL");

        Assert.Equal(RoomStore.FirstOf(1), (await _store.FillAsync(_rooms[1], 1))[0].Seq);
        Assert.Equal(1, _store.Epochs.Known);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_primary_that_is_killed_and_comes_back_empty_or_with_its_data_gives_no_number_twice(bool empty)
    {
        var given = new List<(string Room, long Seq)>();
        foreach (var room in _rooms) given.AddRange((await _store.FillAsync(room, 3)).Select(number => (room, number.Seq)));
        if (empty) await _cluster.Servers[2].KillAndEmptyAsync();
        else await _cluster.Servers[2].KillServerAsync();
        await _cluster.Servers[2].StartAsync();
        await _cluster.WholeAsync();

        foreach (var room in _rooms.Reverse()) given.AddRange((await FillAsync(room, 3)).Select(number => (room, number.Seq)));

        Assert.Distinct(given);
        foreach (var numbers in _rooms.Select(room => given.Where(g => g.Room == room).Select(g => g.Seq).ToList()))
        {
            // An epoch whose guards did not all arrive while the shard was coming back is never used: the next one is.
            var first = RoomStore.FirstOf((int)(numbers[^1] / ProtocolLimits.NumbersPerEpoch));
            Assert.NotEqual(RoomStore.FirstOf(0), first);
            Assert.Equal([1L, 2L, 3L, first, first + 1, first + 2], numbers);
        }
    }

    [Fact]
    public async Task A_replica_that_takes_over_begins_an_epoch_though_it_has_the_data()
    {
        var replica = await _cluster.AddAsync(replicaOf: _cluster.Servers[0]);
        foreach (var room in _rooms) await _store.FillAsync(room, 3);

        await _cluster.Servers[0].KillServerAsync();

        // Epochs that were begun while the replica was still taking over are spent.
        var number = (await FillAsync(_rooms[0], 1))[0];
        Assert.True(number.Epoch > 0);
        Assert.Equal(RoomStore.FirstOf(number.Epoch), number.Seq);
        Assert.Contains("role:master", await replica.AskAsync("INFO", "replication"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_slot_that_moves_to_a_shard_with_the_script_goes_on_in_its_epoch()
    {
        var numbers = (await _store.FillAsync(_rooms[0], 3)).Select(number => number.Seq).ToList();
        await _cluster.MoveSlotAsync(RedisCluster.SlotOf(_rooms[0]), _cluster.Servers[0], _cluster.Servers[1]);

        numbers.AddRange((await FillAsync(_rooms[0], 3)).Select(number => number.Seq));

        Assert.Equal([1L, 2L, 3L, 4L, 5L, 6L], numbers);
    }

    [Fact]
    public async Task A_slot_that_moves_to_a_new_server_begins_an_epoch_and_goes_on_there()
    {
        var added = await _cluster.AddAsync();
        await _store.FillAsync(_rooms[0], 3);
        await _cluster.MoveSlotAsync(RedisCluster.SlotOf(_rooms[0]), _cluster.Servers[0], added);

        var numbers = await FillAsync(_rooms[0], 2);
        await FillAsync(_rooms[1], 1);

        Assert.Equal([RoomStore.FirstOf(1), RoomStore.FirstOf(1) + 1], numbers.Select(number => number.Seq));
        Assert.Equal(1, await _store.Epochs.EnsureInForceAsync(CancellationToken.None));
    }

    [Fact]
    public async Task A_slot_that_is_given_away_without_its_keys_begins_an_epoch()
    {
        await _store.FillAsync(_rooms[0], 3);
        var (slot, id) = (RedisCluster.SlotOf(_rooms[0]), await _cluster.Servers[1].IdAsync());
        // What is left of a slot that "redis-cli --cluster fix" gives to another server after its own is lost.
        while (RedisClusterServer.LinesOf(await _cluster.Servers[0].AskAsync("CLUSTER", "GETKEYSINSLOT", slot, 100)) is { Length: > 0 } keys)
            await _cluster.Servers[0].AskAsync(["DEL", .. keys]);
        await _cluster.MoveSlotAsync(slot, _cluster.Servers[0], _cluster.Servers[1]);

        Assert.Equal(RoomStore.FirstOf(1), (await FillAsync(_rooms[0], 1))[0].Seq);
    }

    [Fact]
    public async Task While_the_keys_of_a_slot_move_its_rooms_wait_and_no_other()
    {
        await _store.FillAsync(_rooms[0], 3);
        var (slot, target) = (RedisCluster.SlotOf(_rooms[0]), await _cluster.Servers[1].IdAsync());
        await _cluster.Servers[1].AskAsync("CLUSTER", "SETSLOT", slot, "IMPORTING", await _cluster.Servers[0].IdAsync());
        await _cluster.Servers[0].AskAsync("CLUSTER", "SETSLOT", slot, "MIGRATING", target);
        await _cluster.Servers[0].AskAsync("MIGRATE", "127.0.0.1", _cluster.Servers[1].Port, RedisKeys.Head(_rooms[0]), 0, 5_000, "AUTH", RedisClusterServer.Password);

        await Assert.ThrowsAsync<NumberingUnavailableException>(() => _store.FillAsync(_rooms[0], 1));
        await _store.FillAsync(_rooms[2], 1);

        await _cluster.MoveSlotAsync(slot, _cluster.Servers[0], _cluster.Servers[1]);
        Assert.Equal(4, (await FillAsync(_rooms[0], 1))[0].Seq);
    }

    [Fact]
    public async Task Processes_that_lose_the_epoch_together_end_in_one()
    {
        await using var other = await _store.OpenAnotherAsync();
        foreach (var room in _rooms) await Task.WhenAll(_store.FillAsync(room, 1), other.FillAsync(room, 1));
        foreach (var server in _cluster.Servers) await server.AskAsync("FLUSHALL");

        var numbers = await Task.WhenAll(_rooms.SelectMany(room => new[] { _store.FillAsync(room, 2), other.FillAsync(room, 2) })).WaitAsync(Wait);

        Assert.All(numbers.SelectMany(some => some), number => Assert.Equal(1, number.Epoch));
    }

    [Fact]
    public async Task A_wrong_setting_of_one_shard_is_named()
    {
        var requirements = _store.Get<RedisRequirements>();
        Assert.Empty(await requirements.FindFaultsAsync());
        await _cluster.Servers[1].AskAsync("CONFIG", "SET", "maxmemory-policy", "allkeys-lru");

        Assert.Contains($":{_cluster.Servers[1].Port}: maxmemory-policy", Assert.Single(await requirements.FindFaultsAsync()), StringComparison.Ordinal);
    }

    private Task<IReadOnlyList<EventNumber>> FillAsync(string room, int count)
    {
        PendingEvent[] events = [.. Enumerable.Range(1, count).Select(i => RoomStore.Event($"event {i}"))];
        return _store.NumberSoonAsync(room, events);
    }
}
