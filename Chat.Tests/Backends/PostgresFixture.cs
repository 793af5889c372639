using Chat.LocalHosting.Backends;
using Chat.LocalHosting.Processes;
using Chat.Tests.Backends;

[assembly: AssemblyFixture(typeof(PostgresFixture))]

namespace Chat.Tests.Backends;

/// <summary>
/// One Postgres for the whole run, started at first use; each test (or test class) takes a fresh database from it.
/// A test that stops or kills Postgres starts a server of its own with <see cref="StartServerAsync"/>.
/// </summary>
public sealed class PostgresFixture : IAsyncDisposable
{
    private readonly Lazy<Task<PostgresTestServer>> _shared = new(StartServerAsync);

    /// <summary>Makes an empty database and returns its connection string.</summary>
    public async Task<string> CreateDatabaseAsync() => await (await _shared.Value).CreateDatabaseAsync();

    /// <summary>A server of the caller's own; disposing it ends it.</summary>
    public static Task<PostgresTestServer> StartServerAsync() => TestServer.StartNewAsync<PostgresTestServer>();

    public async ValueTask DisposeAsync()
    {
        if (_shared is { IsValueCreated: true, Value: { IsCompletedSuccessfully: true } server })
            await (await server).DisposeAsync();
    }
}

/// <summary>A Postgres server as the local engine runs it.</summary>
public sealed class PostgresTestServer : TestServer
{
    private readonly PostgresServer _server;
    private int _databases;

    public PostgresTestServer() => _server = new PostgresServer(DataDirectory["postgres"], Port, "test-password");

    public int Port { get; } = LoopbackPort.Pick();

    public Task<string> CreateDatabaseAsync() =>
        _server.EnsureDatabaseAsync($"test_{Interlocked.Increment(ref _databases)}", CancellationToken.None);

    protected override async Task<ChildCommand> PrepareAsync(CancellationToken cancellationToken)
    {
        await _server.InitializeAsync(Starter, cancellationToken);
        await _server.ClearLeftoversAsync(cancellationToken);
        return _server.Command;
    }

    protected override Task WaitUntilReadyAsync(CancellationToken cancellationToken) => _server.WaitUntilReadyAsync(cancellationToken);
}
