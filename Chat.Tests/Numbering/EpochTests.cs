using Chat.Contracts;
using Chat.Data.Numbering;
using Chat.Tests.Backends;

namespace Chat.Tests.Numbering;

/// <summary>What happens to the numbering when Redis may have lost data: each test has a Redis of its own.</summary>
public sealed class EpochTests(MigratedDatabaseFixture database) : IClassFixture<MigratedDatabaseFixture>, IAsyncLifetime
{
    private static readonly TimeSpan Wait = TimeSpan.FromSeconds(40);

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
    public async Task The_first_start_takes_epoch_0() =>
        Assert.Equal(0, (await _store.Epochs.GetAsync(CancellationToken.None)).Number);

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task An_emptied_server_numbers_above_everything_before(bool scriptsToo)
    {
        await _store.FillAsync(_room, 3);
        await _store.LoseRedisAsync(scriptsToo);

        var numbers = await _store.FillAsync(_room, 2);

        Assert.Equal([RoomStore.FirstOf(1), RoomStore.FirstOf(1) + 1], numbers.Select(n => n.Seq));
        Assert.Equal([1, 1], numbers.Select(n => n.Epoch));
    }

    [Fact]
    public async Task A_restart_that_kept_its_data_begins_an_epoch_too()
    {
        var e = RoomStore.Event();
        await _store.NumberAsync(_room, e);
        await _redis.KillWithDataAsync();
        await _redis.StartAsync();

        var number = await _store.NumberSoonAsync(_room, e, RoomStore.Event());

        Assert.Equal([1, RoomStore.FirstOf(1)], number.Select(n => n.Seq));
    }

    [Fact]
    public async Task A_room_of_this_epoch_starts_at_1_and_an_older_one_above()
    {
        await _store.FillAsync(RoomStore.NewRoom(), 1);
        await _store.LoseRedisAsync();
        await _store.FillAsync(RoomStore.NewRoom(), 1);

        var young = await _store.Numbering.NumberAsync(_room, 1, [RoomStore.Event()], CancellationToken.None);
        var old = await _store.Numbering.NumberAsync(RoomStore.NewRoom(), 0, [RoomStore.Event()], CancellationToken.None);

        Assert.Equal((1L, 1), (young[0].Seq, young[0].Epoch));
        Assert.Equal((RoomStore.FirstOf(1), 1), (old[0].Seq, old[0].Epoch));
    }

    [Fact]
    public async Task Processes_that_lose_the_epoch_together_end_in_one()
    {
        var others = new List<RoomStore> { _store };
        for (var i = 0; i < 4; i++)
            others.Add(await _store.OpenAnotherAsync());
        await Task.WhenAll(others.Select(o => o.FillAsync(_room, 1))).WaitAsync(Wait);
        await _store.LoseRedisAsync(scripts: true);

        var numbers = await Task.WhenAll(others.Select(o => o.FillAsync(_room, 2))).WaitAsync(Wait);

        Assert.Equal(Enumerable.Range(0, 10).Select(i => RoomStore.FirstOf(1) + i), numbers.SelectMany(n => n).Select(n => n.Seq).Order());
        foreach (var other in others.Skip(1))
            await other.DisposeAsync();
    }

    [Fact]
    public async Task A_process_with_an_old_epoch_follows_the_new_one()
    {
        await using var late = await _store.OpenAnotherAsync();
        await late.FillAsync(_room, 1);
        await _store.LoseRedisAsync();
        await _store.FillAsync(_room, 1);

        var numbers = await late.FillAsync(_room, 1);

        Assert.Equal(RoomStore.FirstOf(1) + 1, numbers[0].Seq);
        Assert.Equal(1, (await late.Epochs.GetAsync(CancellationToken.None)).Number);
    }

    [Fact]
    public async Task An_event_that_Postgres_has_keeps_its_number_when_Redis_forgot_it()
    {
        var (first, second) = (RoomStore.Event("persisted"), RoomStore.Event("not numbered before"));
        await _store.NumberAsync(_room, RoomStore.Event(), first);
        await _store.PersistAsync(_room);
        await _store.LoseRedisAsync();

        var numbers = await _store.NumberAsync(_room, second, first);

        Assert.Equal([RoomStore.FirstOf(1), 2], numbers.Select(n => n.Seq));
        Assert.Equal([false, true], numbers.Select(n => n.Known));
    }

    [Fact]
    public async Task Events_of_an_older_epoch_that_are_persisted_leave_the_hot_stream()
    {
        await _store.FillAsync(_room, 3);
        await _store.PersistAsync(_room);
        await _store.Redis.KeyDeleteAsync(RedisKeys.EpochGuard);

        await _store.FillAsync(_room, 1);

        var slice = await _store.Hot.ReadOldestAsync(_room, 0, long.MaxValue, 10, CancellationToken.None);
        Assert.Equal([RoomStore.FirstOf(1)], slice.Events.Select(e => e.Event.Seq));
    }

    [Fact]
    public async Task An_epoch_above_what_Postgres_knows_is_passed_over()
    {
        await _store.FillAsync(_room, 1);
        // The database is older than Redis: restored from a backup of epoch 0 while Redis has reached epoch 6.
        await _store.Redis.HashSetAsync(RedisKeys.Head(_room), "epoch", 6);

        var numbers = await _store.FillAsync(_room, 1);

        Assert.Equal((RoomStore.FirstOf(7), 7), (numbers[0].Seq, numbers[0].Epoch));
    }

    [Fact]
    public async Task Without_Redis_numbering_is_unavailable_and_comes_back()
    {
        var e = RoomStore.Event();
        await _store.NumberAsync(_room, e);
        await _redis.KillWithDataAsync();

        await Assert.ThrowsAsync<NumberingUnavailableException>(() => _store.NumberAsync(_room, e)).WaitAsync(Wait);
        await Assert.ThrowsAsync<NumberingUnavailableException>(() => _store.Numbering.LookUpAsync(_room, [e.EventId], CancellationToken.None)).WaitAsync(Wait);
        await _redis.StartAsync();

        Assert.Equal(1, (await _store.NumberSoonAsync(_room, e))[0].Seq);
    }
}
