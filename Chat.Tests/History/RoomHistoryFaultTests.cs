using System.Text.Json;
using Chat.Contracts;
using Chat.Data.History;
using Chat.Tests.Backends;
using Chat.Tests.Numbering;

namespace Chat.Tests.History;

/// <summary>History over an epoch boundary, and while one of its two stores is away.</summary>
public sealed class RoomHistoryFaultTests(MigratedDatabaseFixture database) : IClassFixture<MigratedDatabaseFixture>, IAsyncLifetime
{
    private readonly string _room = RoomStore.NewRoom();
    private RedisTestServer _redis = null!;
    private RoomStore _store = null!;

    public async ValueTask InitializeAsync()
    {
        _redis = await RedisFixture.StartServerAsync();
        _store = await database.OpenAsync(_redis.ConnectionString);
    }

    public async ValueTask DisposeAsync()
    {
        await _store.DisposeAsync();
        await _redis.DisposeAsync();
    }

    [Fact]
    public async Task Pages_cross_a_new_epoch_and_resumes_do_not()
    {
        await _store.FillAsync(_room, 5);
        await _store.PersistAsync(_room);
        await _store.LoseRedisAsync();
        await _store.FillAsync(_room, 4);
        long[] all = [1, 2, 3, 4, 5, .. Enumerable.Range(0, 4).Select(i => RoomStore.FirstOf(1) + i)];

        Assert.Equal(all, await PageAsync(null, null));
        Assert.Equal(all[2..7], await PageAsync(null, after: 2, limit: 5));
        Assert.Equal(all[3..8], await PageAsync(before: all[8], null, limit: 5));
        var (bounds, events) = await _store.History.ReadAfterAsync(_room, 5, 1000, CancellationToken.None);
        Assert.Equal(new RoomBounds(all[^1], 1, 1) { AccessVersion = 0 }, bounds);
        Assert.Null(events);
        Assert.Equal(all[6..], (await _store.History.ReadAfterAsync(_room, all[5], 1000, CancellationToken.None)).Events!.Select(e => e.Seq));
    }

    [Fact]
    public async Task Events_that_only_Postgres_has_show_although_an_older_copy_of_Redis_came_back()
    {
        await _store.FillAsync(_room, 8);
        await _store.PersistAsync(_room);
        // The copy ends at 5 and believes that 3 is persisted, so its events stay when the next epoch begins.
        await _store.Redis.HashSetAsync(RedisKeys.Head(_room), [new("head", 5), new("persisted", 3)]);
        await _store.Redis.StreamDeleteAsync(RedisKeys.Stream(_room), ["6-0", "7-0", "8-0"]);
        await _store.Redis.KeyDeleteAsync(RedisKeys.EpochGuard);
        await _store.FillAsync(_room, 1);

        Assert.Equal([3, 4, 5, 6, 7, 8, RoomStore.FirstOf(1)], await PageAsync(null, after: 2));
        Assert.Equal([6, 7, 8, RoomStore.FirstOf(1)], await PageAsync(null, null, limit: 4));
    }

    [Fact]
    public async Task An_older_copy_of_Redis_takes_nothing_back_before_the_room_goes_on()
    {
        await _store.FillAsync(_room, 8);
        await _store.PersistAsync(_room);
        await _store.Redis.HashSetAsync(RedisKeys.Head(_room), [new("head", 5), new("persisted", 3)]);
        await _store.Redis.StreamDeleteAsync(RedisKeys.Stream(_room), ["6-0", "7-0", "8-0"]);
        await _store.Redis.KeyDeleteAsync(RedisKeys.EpochGuard);
        // Another room begins the epoch; this one has no number of it yet.
        await _store.FillAsync(RoomStore.NewRoom(), 1);

        Assert.Equal(new RoomBounds(8, 0, 1), await _store.History.GetBoundsAsync(_room, CancellationToken.None));
        Assert.Equal([4, 5, 6, 7, 8], (await _store.History.ReadAfterAsync(_room, 3, 1000, CancellationToken.None)).Events!.Select(e => e.Seq));
        Assert.Equal([7, 8], (await _store.History.ReadAfterAsync(_room, 6, 1000, CancellationToken.None)).Events!.Select(e => e.Seq));
        Assert.Equal([6, 7, 8], await PageAsync(null, null, limit: 3));
        Assert.Equal(8, (await _store.History.ReadPageAsync(_room, null, null, 3, CancellationToken.None)).HeadSeq);
    }

    [Fact]
    public async Task A_number_that_an_older_copy_holds_and_Postgres_has_elsewhere_is_shown_once()
    {
        var (first, again) = (RoomStore.Event("first"), RoomStore.Event("numbered twice"));
        await _store.NumberAsync(_room, first, again);
        var (stream, head) = (await _store.Redis.KeyDumpAsync(RedisKeys.Stream(_room)), await _store.Redis.KeyDumpAsync(RedisKeys.Head(_room)));
        // Redis is emptied, both events get numbers of epoch 1 and reach Postgres; then the older copy comes back.
        await _store.LoseRedisAsync();
        await _store.NumberAsync(_room, first, again);
        await _store.PersistAsync(_room);
        await _store.LoseRedisAsync();
        await _store.Redis.KeyRestoreAsync(RedisKeys.Stream(_room), stream!);
        await _store.Redis.KeyRestoreAsync(RedisKeys.Head(_room), head!);

        Assert.Equal([RoomStore.FirstOf(1), RoomStore.FirstOf(1) + 1], await PageAsync(null, null));
        Assert.Equal(RoomStore.FirstOf(1) + 1, (await _store.History.GetBoundsAsync(_room, CancellationToken.None)).HeadSeq);
    }

    [Fact]
    public async Task Without_Postgres_the_hot_part_serves_and_what_is_older_is_unavailable()
    {
        await using var postgres = await PostgresFixture.StartServerAsync();
        await using var store = await RoomStore.OpenAsync(_redis.ConnectionString, await postgres.CreateDatabaseAsync());
        await store.FillAsync(_room, 300);
        await store.PersistAsync(_room);
        await postgres.StopAsync(); // killed, its backends would answer a little longer

        Assert.Equal(Enumerable.Range(251, 50).Select(i => (long)i), await PageAsync(null, null, from: store));
        Assert.Equal(Enumerable.Range(173, 128).Select(i => (long)i), await PageAsync(null, null, limit: 200, from: store));
        Assert.Equal(10, (await store.History.ReadAfterAsync(_room, 290, 1000, CancellationToken.None)).Events!.Count);
        await AssertUnavailableAsync(() => store.History.ReadAfterAsync(_room, 100, 1000, CancellationToken.None));
        await AssertUnavailableAsync(() => PageAsync(before: 100, null, from: store));
        await AssertUnavailableAsync(() => PageAsync(null, after: 10, from: store));
    }

    [Fact]
    public async Task Without_Redis_pages_come_from_Postgres_and_resumes_wait()
    {
        await _store.FillAsync(_room, 200);
        await _store.PersistAsync(_room);
        await _redis.KillAsync();

        Assert.Equal(Enumerable.Range(151, 50).Select(i => (long)i), await PageAsync(null, null));
        await AssertUnavailableAsync(() => _store.History.ReadAfterAsync(_room, 190, 1000, CancellationToken.None));
    }

    [Fact]
    public async Task Reading_while_events_are_persisted_and_trimmed_never_shows_a_hole()
    {
        using var stop = new CancellationTokenSource();
        var writing = Task.Run(async () =>
        {
            while (!stop.IsCancellationRequested)
            {
                await _store.FillAsync(_room, 60);
                await _store.PersistAsync(_room);
            }
        });

        var longest = 0;
        while (longest < 600 && !writing.IsCompleted)
        {
            var (bounds, events) = await _store.History.ReadAfterAsync(_room, 0, 5000, CancellationToken.None);
            Assert.NotNull(events);
            Assert.Equal(Enumerable.Range(1, (int)bounds.HeadSeq).Select(i => (long)i), events.Select(e => e.Seq));
            longest = events.Count;
        }
        await stop.CancelAsync();
        await writing.WaitAsync(TimeSpan.FromSeconds(20));
        Assert.True(longest >= 600);
    }

    private static async Task AssertUnavailableAsync(Func<Task> action) =>
        Assert.Equal(ErrorCodes.Unavailable, (await Assert.ThrowsAsync<ChatException>(action).WaitAsync(TimeSpan.FromSeconds(20))).Code);

    private async Task<IReadOnlyList<long>> PageAsync(long? before, long? after, int limit = 50, RoomStore? from = null)
    {
        var slice = await (from ?? _store).History.ReadPageAsync(_room, before, after, limit, CancellationToken.None);
        return [.. slice.Events.Select(e => JsonSerializer.Deserialize(e.Span, ChatJson.Default.ChatEvent)!.Seq!.Value)];
    }
}
