using Chat.LocalHosting.Backends;
using Chat.LocalHosting.Processes;
using Chat.Tests.Api;
using Chat.Tests.Backends;
using StackExchange.Redis;

[assembly: AssemblyFixture(typeof(RedisFixture))]

namespace Chat.Tests.Backends;

/// <summary>
/// One Redis for the whole run, started at first use. Tests share it: each takes keys of its own (room and user ids that nobody else uses).
/// A test that flushes, fills or kills Redis starts a server of its own with <see cref="StartServerAsync"/>.
/// </summary>
public sealed class RedisFixture : IAsyncDisposable
{
    private readonly Lazy<Task<RedisTestServer>> _shared = new(StartServerAsync);

    /// <summary>The connection string of the shared server, in the form of StackExchange.Redis.</summary>
    public async Task<string> GetConnectionStringAsync() => (await _shared.Value).ConnectionString;

    /// <summary>An empty database on the shared server, for what numbers events (<see cref="RedisTestServer.CreateDatabase"/>).</summary>
    public async Task<string> CreateDatabaseAsync() => (await _shared.Value).CreateDatabase();

    /// <summary>A server of the caller's own, empty; disposing it ends it.</summary>
    public static Task<RedisTestServer> StartServerAsync() => TestServer.StartNewAsync<RedisTestServer>();

    public async ValueTask DisposeAsync()
    {
        if (_shared is { IsValueCreated: true, Value: { IsCompletedSuccessfully: true } server })
            await (await server).DisposeAsync();
    }
}

/// <summary>A Redis server with append-only file, as the local engine runs it.</summary>
public sealed class RedisTestServer : TestServer
{
    private const int Databases = 1_024;

    private readonly RedisServer _server;
    private int _taken;

    public RedisTestServer() => _server = new RedisServer(DataDirectory["redis"], Port, "test-password");

    public int Port { get; } = LoopbackPort.Pick();

    public string ConnectionString => _server.ConnectionString;

    /// <summary>
    /// An empty database of this server, for what numbers events: two Postgres databases on one Redis database would take the epoch from each other.
    /// </summary>
    public string CreateDatabase()
    {
        var number = Interlocked.Increment(ref _taken);
        return number < Databases
            ? $"{ConnectionString},defaultDatabase={number}"
            : throw new InvalidOperationException($"All {Databases} databases of this Redis are taken: raise {nameof(RedisTestServer)}.{nameof(Databases)}.");
    }

    /// <summary>Where the append-only file lies: a test may empty it or put an older copy there while the server is down.</summary>
    public string DataPath => DataDirectory["redis"];

    /// <summary>
    /// SIGKILL, once everything that it answered is in its file: while a sync of the file is under way, Redis answers before it writes.
    /// </summary>
    public async Task KillWithDataAsync()
    {
        await using (var connection = await ConnectionMultiplexer.ConnectAsync(ConnectionString + ",allowAdmin=true"))
        {
            var server = connection.GetServers()[0];
            await Until.TrueAsync(
                async () => (await server.InfoAsync("persistence")).SelectMany(section => section).Contains(new("aof_buffer_length", "0")), "Redis has written its file");
        }
        await KillAsync();
    }

    protected override Task<ChildCommand> PrepareAsync(CancellationToken cancellationToken)
    {
        _server.Initialize();
        var command = _server.Command;
        return Task.FromResult(command with { Arguments = [.. command.Arguments, "--databases", $"{Databases}"] });
    }

    protected override Task WaitUntilReadyAsync(CancellationToken cancellationToken) => _server.WaitUntilReadyAsync(cancellationToken);
}
