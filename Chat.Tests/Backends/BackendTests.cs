using System.Diagnostics;
using Npgsql;
using StackExchange.Redis;

namespace Chat.Tests.Backends;

/// <summary>The servers that all other tests stand on.</summary>
public sealed class BackendTests(PostgresFixture postgres, RedisFixture redis)
{
    [Fact]
    public async Task Each_database_is_fresh()
    {
        var first = await postgres.CreateDatabaseAsync();
        var second = await postgres.CreateDatabaseAsync();

        await ExecuteAsync(first, "CREATE TABLE t (id int)");

        Assert.Equal(0L, await ExecuteAsync(second, "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"));
        Assert.Equal("on", await ExecuteAsync(first, "SHOW fsync"));
    }

    [Fact]
    public async Task Postgres_keeps_what_was_committed_when_it_is_killed()
    {
        await using var server = await PostgresFixture.StartServerAsync();
        var database = await server.CreateDatabaseAsync();
        await ExecuteAsync(database, "CREATE TABLE t AS SELECT 7 AS id");

        await server.KillAsync();
        await server.StartAsync();

        Assert.Equal(7, await ExecuteAsync(database, "SELECT id FROM t"));
    }

    [Fact]
    public async Task Redis_keeps_what_it_wrote_when_it_is_killed()
    {
        await using var server = await RedisFixture.StartServerAsync();
        await using (var connection = await ConnectionMultiplexer.ConnectAsync(server.ConnectionString))
            await connection.GetDatabase().StringSetAsync("key", "value");

        await server.KillWithDataAsync();
        await server.StartAsync();

        await using var again = await ConnectionMultiplexer.ConnectAsync(server.ConnectionString);
        Assert.Equal("value", await again.GetDatabase().StringGetAsync("key"));
    }

    [Fact]
    public async Task Redis_never_evicts_and_appends_to_its_file()
    {
        await using var connection = await ConnectionMultiplexer.ConnectAsync(await redis.GetConnectionStringAsync() + ",allowAdmin=true");
        var server = connection.GetServers()[0];

        Assert.Equal("noeviction", (await server.ConfigGetAsync("maxmemory-policy"))[0].Value);
        Assert.Equal("yes", (await server.ConfigGetAsync("appendonly"))[0].Value);
        Assert.Equal("", (await server.ConfigGetAsync("save"))[0].Value);
    }

    [Fact]
    public async Task Servers_do_not_run_as_root()
    {
        await using var server = await RedisFixture.StartServerAsync();

        var owner = await RunAsync("stat", "-c", "%U", $"/proc/{server.Pid}");

        Assert.NotEqual("root", owner);
    }

    private static async Task<object?> ExecuteAsync(string connectionString, string sql)
    {
        await using var connection = new NpgsqlConnection(connectionString + ";Pooling=false");
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand(sql, connection);
        return await command.ExecuteScalarAsync();
    }

    private static async Task<string> RunAsync(string program, params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true })!;
        var output = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        return output.Trim();
    }
}
