using Chat.Contracts;
using Chat.Data.History;
using Chat.Data.Numbering;
using Chat.Persister;
using Chat.Tests.Backends;
using Chat.Tests.Numbering;

namespace Chat.Tests.Persister;

/// <summary>Postgres itself goes away, so the test has one of its own.</summary>
public sealed class PostgresAwayTests : IAsyncLifetime
{
    private readonly string _room = RoomStore.NewRoom();
    private PostgresTestServer _postgres = null!;
    private PersisterServers _servers = null!;

    public async ValueTask InitializeAsync()
    {
        _postgres = await PostgresFixture.StartServerAsync();
        _servers = await PersisterServers.StartAsync(async redis => await RoomStore.OpenAsync(redis, await _postgres.CreateDatabaseAsync()));
    }

    public async ValueTask DisposeAsync()
    {
        await _servers.DisposeAsync();
        await _postgres.DisposeAsync();
    }

    [Fact]
    public async Task While_Postgres_is_away_numbering_goes_on_and_afterwards_everything_arrives()
    {
        // Small bounds, so that also reading pauses and goes on.
        await using var persister = await _servers.StartPersisterAsync(("Chat:Persister:BatchRecords", "10"), ("Chat:Persister:WaitingBatches", "3"));
        var before = await _servers.Log.AppendNewAsync(_room, 10);
        await _servers.WaitForRowsAsync(_room, 10);

        await _postgres.KillAsync();
        var meanwhile = await _servers.Log.AppendNewAsync(_room, 200);
        await PersisterServers.PollAsync(async () => (long)await _servers.Store.Redis.HashGetAsync(RedisKeys.Head(_room), "head") >= 30,
            () => "numbers for what was logged while Postgres is away");
        await _postgres.StartAsync();

        await _servers.AssertPersistedAsync(_room, [.. before, .. meanwhile]);
    }

    [Fact]
    public async Task A_persister_that_starts_while_Postgres_is_away_numbers_and_writes_afterwards()
    {
        var before = await _servers.Log.AppendNewAsync(_room, 10);
        await using (await _servers.StartPersisterAsync())
            await _servers.WaitForRowsAsync(_room, 10);

        await _postgres.KillAsync();
        var meanwhile = await _servers.Log.AppendNewAsync(_room, 20);
        await using var persister = await _servers.StartPersisterAsync();
        await PersisterServers.PollAsync(async () => (long)await _servers.Store.Redis.HashGetAsync(RedisKeys.Head(_room), "head") == 30,
            () => "numbers from a persister that has not seen Postgres");
        await _postgres.StartAsync();

        await _servers.AssertPersistedAsync(_room, [.. before, .. meanwhile]);
    }

    [Fact]
    public async Task A_persister_that_started_while_Postgres_was_away_opens_the_partitions_of_a_later_epoch()
    {
        await _servers.Store.FillAsync(RoomStore.NewRoom(), 1); // epoch 0
        await _postgres.KillAsync();
        await using var persister = await _servers.StartPersisterAsync();
        await PersisterServers.PollAsync(() => Task.FromResult(persister.Get<LogConsumer>().Start.Epoch == 0), () => "a start in the epoch that Redis names");
        await _postgres.StartAsync();
        await _servers.Log.AppendNewAsync(_room, 1);
        await _servers.WaitForRowsAsync(_room, 1);

        // Nobody sends: only the persister can tell that the epoch has ended, and nobody else opens it.
        await _servers.Store.LoseRedisAsync();

        var after = RoomStore.Event("after");
        await PersisterServers.PollAsync(async () =>
        {
            try
            {
                return (await _servers.Store.Numbering.NumberAsync(_room, 0, [after], CancellationToken.None))[0].Epoch > 0;
            }
            catch (NumberingUnavailableException)
            {
                return false;
            }
        }, () => "a number of the new epoch");
    }

    [Fact]
    public async Task A_persister_that_starts_in_a_later_epoch_while_Postgres_is_away_numbers_in_log_order_afterwards_and_sends_go_on()
    {
        await _servers.Store.FillAsync(RoomStore.NewRoom(), 1);
        await _servers.Store.LoseRedisAsync();
        await _servers.Store.FillAsync(RoomStore.NewRoom(), 1); // epoch 1, all partitions open
        var before = await _servers.Log.AppendNewAsync(_room, 10);
        await using (await _servers.StartPersisterAsync())
            await _servers.WaitForRowsAsync(_room, 10);

        await _postgres.KillAsync();
        // A node died before it numbered these; another one goes on with its own.
        var left = await _servers.Log.AppendNewAsync(_room, 20);
        await using var persister = await _servers.StartPersisterAsync();
        var meanwhile = RoomStore.Event("meanwhile") with { TimestampMs = TestLog.Now };
        await _servers.Log.AppendAsync(_room, meanwhile);
        var number = (await _servers.Store.Numbering.NumberAsync(_room, 0, [meanwhile with { UnknownIn = 1 }], CancellationToken.None))[0];
        Assert.Equal(RoomStore.FirstOf(1) + 10, number.Seq);
        await _postgres.StartAsync();

        await _servers.AssertPersistedAsync(_room, [.. before, .. left, meanwhile]);
        var rows = await _servers.ReadRowsAsync(_room);
        Assert.Equal([.. before.Append(meanwhile).Concat(left).Select(PersisterServers.TextOf)], rows.Select(PersisterServers.TextOf));
    }

    [Fact]
    public async Task More_than_can_be_looked_through_for_changes_may_wait_for_Postgres_and_is_shown_again_when_it_is_back()
    {
        const int bound = 64_000, chunk = 1_000; // HotChanges looks at no more
        await using var persister = await _servers.StartPersisterAsync();
        var target = (await _servers.Log.AppendNewAsync(_room, 1))[0];
        await _servers.WaitForRowsAsync(_room, 1);
        await _postgres.KillAsync();
        for (var i = 0; i <= bound / chunk; i++)
        {
            // As a node does: logged, then numbered.
            var events = await _servers.Log.AppendNewAsync(_room, chunk);
            await _servers.Store.NumberAsync(_room, [.. events]);
        }
        var targets = _servers.Store.Get<TargetMessages>();
        Task<HistorySlice> ReadAsync(long? after) => _servers.Store.History.ReadPageAsync(_room, null, after, 50, CancellationToken.None);

        Assert.Equal(bound + chunk + 1, (await ReadAsync(null)).HeadSeq); // the newest page needs no look
        foreach (var read in (Func<Task>[])[() => ReadAsync(1), () => targets.FindAsync(_room, target.EventId, CancellationToken.None)])
            Assert.Equal(ErrorCodes.Unavailable, (await Assert.ThrowsAsync<ChatException>(read)).Code);

        await _postgres.StartAsync();
        await PersisterServers.PollAsync(async () => (await ReadAsync(1)).Events.Count == 50, () => "a page from the middle"); // over refusals
        Assert.NotNull(await targets.FindAsync(_room, target.EventId, CancellationToken.None));
    }
}
