using Chat.LocalHosting.Processes;
using Chat.Tests.Backends;

[assembly: AssemblyFixture(typeof(KafkaFixture))]

namespace Chat.Tests.Backends;

/// <summary>
/// One broker (the built Chat.LocalKafka) for the whole run, started at first use. Tests share it: each takes topics and groups of its own names.
/// A test that kills or pauses the broker starts one of its own with <see cref="StartServerAsync"/>.
/// </summary>
public sealed class KafkaFixture : IAsyncDisposable
{
    private readonly Lazy<Task<KafkaTestServer>> _shared = new(StartServerAsync);

    /// <summary>The bootstrap server, <c>host:port</c>.</summary>
    public async Task<string> GetConnectionStringAsync() => (await _shared.Value).ConnectionString;

    /// <summary>A broker of the caller's own, empty; disposing it ends it.</summary>
    public static Task<KafkaTestServer> StartServerAsync() => TestServer.StartNewAsync<KafkaTestServer>();

    public async ValueTask DisposeAsync()
    {
        if (_shared is { IsValueCreated: true, Value: { IsCompletedSuccessfully: true } server })
            await (await server).DisposeAsync();
    }
}

/// <summary>The local broker in a process of its own, as the local engine runs it.</summary>
public sealed class KafkaTestServer : TestServer
{
    private TaskCompletionSource _ready = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public int Port { get; } = LoopbackPort.Pick();

    public string ConnectionString => $"127.0.0.1:{Port}";

    protected override Task<ChildCommand> PrepareAsync(CancellationToken cancellationToken)
    {
        _ready = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        return Task.FromResult(new ChildCommand(
            Path.Combine(AppContext.BaseDirectory, "Chat.LocalKafka"), "--data", DataDirectory["kafka"], "--port", Port.ToString()));
    }

    protected override Task WaitUntilReadyAsync(CancellationToken cancellationToken) => _ready.Task.WaitAsync(cancellationToken);

    protected override void OnOutput(string line)
    {
        if (line.StartsWith("READY ", StringComparison.Ordinal))
            _ready.TrySetResult();
    }
}
