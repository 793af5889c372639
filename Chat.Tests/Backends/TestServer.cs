using System.Collections.Concurrent;
using Chat.LocalHosting.Processes;

namespace Chat.Tests.Backends;

/// <summary>
/// One server process under a test: it can be killed and started again on the same port and data. It dies with the test process.
/// </summary>
public abstract class TestServer : IAsyncDisposable
{
    private const int KeptLines = 200;
    private static readonly TimeSpan StartTimeout = TimeSpan.FromSeconds(60);

    private readonly ProcessStarter _starter = new();
    private readonly ConcurrentQueue<string> _output = new();
    private readonly TestDirectory _directory = new();
    private ChildProcess? _child;

    protected TestDirectory DataDirectory => _directory;

    protected ProcessStarter Starter => _starter;

    public int Pid => _child?.Pid ?? throw new InvalidOperationException("The server is not started.");

    /// <summary>The last lines that the server printed.</summary>
    public string Output => string.Join('\n', _output);

    /// <summary>Makes and starts a server; nothing of it is left when that fails.</summary>
    public static async Task<T> StartNewAsync<T>() where T : TestServer, new()
    {
        var server = new T();
        try
        {
            await server.StartAsync();
            return server;
        }
        catch
        {
            await server.DisposeAsync();
            throw;
        }
    }

    public async Task StartAsync()
    {
        using var deadline = new CancellationTokenSource(StartTimeout);
        var command = await PrepareAsync(deadline.Token);
        var child = await _starter.StartAsync(command, Keep);
        _child = child;
        var ready = WaitUntilReadyAsync(deadline.Token);
        if (await Task.WhenAny(ready, child.Exited) == child.Exited && !ready.IsCompletedSuccessfully)
            throw new InvalidOperationException($"{GetType().Name} ended with {await child.Exited} while starting: {Output}");
        await ready;
    }

    /// <summary>SIGKILL, as a crash does it.</summary>
    public async Task KillAsync()
    {
        if (_child is not null)
            await _child.KillAsync();
    }

    public void Pause() => Signal("STOP");

    public void Continue() => Signal("CONT");

    public async Task StopAsync()
    {
        if (_child is not null)
            await _child.StopAsync();
    }

    public async ValueTask DisposeAsync()
    {
        if (_child is not null)
        {
            if (!_child.Exited.IsCompleted)
                Continue();
            await _child.DisposeAsync();
        }
        _starter.Dispose();
        _directory.Dispose();
        GC.SuppressFinalize(this);
    }

    /// <summary>Makes everything ready that the server needs and says how to start it.</summary>
    protected abstract Task<ChildCommand> PrepareAsync(CancellationToken cancellationToken);

    protected abstract Task WaitUntilReadyAsync(CancellationToken cancellationToken);

    protected virtual void OnOutput(string line)
    {
    }

    private void Keep(OutputLine line)
    {
        _output.Enqueue(line.Text);
        while (_output.Count > KeptLines)
            _output.TryDequeue(out _);
        OnOutput(line.Text);
    }

    private void Signal(string name)
    {
        using var kill = System.Diagnostics.Process.Start("kill", [$"-{name}", Pid.ToString()]);
        kill.WaitForExit();
    }
}
