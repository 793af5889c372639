using Chat.Tests.Backends;

namespace Chat.Tests.Numbering;

/// <summary>One store for the tests of a class that only need rooms of their own.</summary>
public sealed class RoomStoreFixture(RedisFixture redis, PostgresFixture postgres) : IAsyncLifetime
{
    public RoomStore Store { get; private set; } = null!;

    public async ValueTask InitializeAsync() =>
        Store = await RoomStore.OpenAsync(await redis.CreateDatabaseAsync(), await postgres.CreateDatabaseAsync());

    public ValueTask DisposeAsync() => Store.DisposeAsync();
}

/// <summary>A migrated database for a class whose tests bring a Redis of their own; each begins before the first epoch.</summary>
public sealed class MigratedDatabaseFixture(PostgresFixture postgres) : IAsyncLifetime
{
    private string _database = "";

    public async ValueTask InitializeAsync() => _database = await postgres.CreateDatabaseAsync();

    public async Task<RoomStore> OpenAsync(string redis)
    {
        var store = await RoomStore.OpenAsync(redis, _database);
        await using var command = store.Database.CreateCommand("TRUNCATE numbering, log_positions");
        await command.ExecuteNonQueryAsync();
        return store;
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;
}
