using Chat.Contracts;
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
}
