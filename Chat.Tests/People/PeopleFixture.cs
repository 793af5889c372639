using Chat.Contracts.Api;
using Chat.Tests.Backends;
using Chat.Tests.Numbering;
using Npgsql;

namespace Chat.Tests.People;

/// <summary>
/// A Redis of the class' own (leases are platform-wide, so nobody else's processes may be in it), a migrated database, and what a test
/// puts into them.
/// </summary>
public sealed class PeopleFixture(PostgresFixture postgres) : IAsyncLifetime
{
    public RedisTestServer Redis { get; private set; } = null!;

    public RoomStore Store { get; private set; } = null!;

    public async ValueTask InitializeAsync()
    {
        Redis = await RedisFixture.StartServerAsync();
        Store = await RoomStore.OpenAsync(Redis.ConnectionString, await postgres.CreateDatabaseAsync());
    }

    /// <summary>Starts one process of the platform.</summary>
    internal Task<NodeProcess> StartProcessAsync(TimeProvider? time = null) => NodeProcess.StartAsync(Redis.ConnectionString, Store.DatabaseConnection, time);

    /// <summary>New users; their ids ascend.</summary>
    public async Task<string[]> UsersAsync(int count)
    {
        var prefix = Guid.NewGuid().ToString("N")[..10];
        var users = Enumerable.Range(0, count).Select(i => $"{prefix}-{i:D4}").ToArray();
        await ExecuteAsync("INSERT INTO users (user_id, user_name, display_name, created_at) SELECT u, u, upper(u), now() FROM unnest($1) AS u", (object)users);
        return users;
    }

    /// <summary>A room with these members.</summary>
    public async Task<string> RoomAsync(params string[] members)
    {
        var room = RoomStore.NewRoom();
        await ExecuteAsync("""
            INSERT INTO rooms (room_id, name, kind, created_by, created_at, created_epoch, member_count) VALUES ($1, $1, $2, 'nobody', now(), 0, $3)
            """, room, RoomKinds.Private, members.Length);
        await ExecuteAsync("INSERT INTO members (room_id, user_id, role, joined_at) SELECT $1, u, $2, now() FROM unnest($3) AS u", room, Roles.Member, members);
        return room;
    }

    public async Task<object?> ExecuteAsync(string sql, params object[] values)
    {
        await using var command = Store.Database.CreateCommand(sql);
        foreach (var value in values) command.Parameters.Add(new NpgsqlParameter { Value = value });
        return await command.ExecuteScalarAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await Store.DisposeAsync();
        await Redis.DisposeAsync();
    }
}
