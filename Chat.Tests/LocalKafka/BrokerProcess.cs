using System.Diagnostics;
using Chat.LocalKafka;

namespace Chat.Tests.LocalKafka;

/// <summary>The broker as a process of its own, as the engine starts it. Killed with the test at the latest.</summary>
internal sealed class BrokerProcess : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private static readonly string Program = typeof(KafkaBroker).Assembly.Location;

    private readonly Process _process;
    private readonly List<string> _output = [];

    private BrokerProcess(Process process) => _process = process;

    public string Endpoint { get; private set; } = "";

    public int Port => int.Parse(Endpoint[(Endpoint.LastIndexOf(':') + 1)..]);

    /// <summary>Everything on standard output so far.</summary>
    public IReadOnlyList<string> Output
    {
        get
        {
            lock (_output)
                return [.. _output];
        }
    }

    public static Task<BrokerProcess> StartAsync(string data, int port = 0, params string[] options) =>
        WaitUntilReadyAsync(Spawn("dotnet", [Program, "--data", data, "--port", $"{port}", .. options]));

    /// <summary>A broker whose files cannot grow beyond a size: the write fails, as on a full disk.</summary>
    public static Task<BrokerProcess> StartLimitedAsync(string data, int fileKilobytes) =>
        WaitUntilReadyAsync(Spawn("bash", ["-c", $"trap '' XFSZ; export DOTNET_EnableWriteXorExecute=0; ulimit -f {fileKilobytes}; exec dotnet \"$@\"", "limited", Program, "--data", data, "--port", "0"]));

    private static async Task<BrokerProcess> WaitUntilReadyAsync(Process process)
    {
        var broker = new BrokerProcess(process);
        var ready = new TaskCompletionSource<string>(TaskCreationOptions.RunContinuationsAsynchronously);
        broker._process.OutputDataReceived += (_, line) =>
        {
            if (line.Data is null)
            {
                ready.TrySetException(new InvalidOperationException("The broker ended before it was ready."));
                return;
            }

            lock (broker._output)
                broker._output.Add(line.Data);
            ready.TrySetResult(line.Data);
        };
        broker._process.BeginOutputReadLine();
        broker._process.BeginErrorReadLine();
        var line = await ready.Task.WaitAsync(Patience);
        Assert.StartsWith("READY ", line);
        broker.Endpoint = line["READY ".Length..];
        return broker;
    }

    /// <summary>Runs the broker with arguments with which it ends by itself.</summary>
    public static async Task<(int ExitCode, string Error)> RunAsync(params string[] arguments)
    {
        using var process = Spawn("dotnet", [Program, .. arguments]);
        var error = process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync().WaitAsync(Patience);
        return (process.ExitCode, await error);
    }

    /// <summary>kill -9.</summary>
    public async Task KillAsync()
    {
        _process.Kill();
        await _process.WaitForExitAsync().WaitAsync(Patience);
    }

    /// <summary>SIGTERM; returns the exit code.</summary>
    public async Task<int> StopAsync()
    {
        using var kill = Process.Start("kill", ["-TERM", $"{_process.Id}"]);
        await _process.WaitForExitAsync().WaitAsync(Patience);
        return _process.ExitCode;
    }

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
            await KillAsync();
        _process.Dispose();
    }

    private static Process Spawn(string program, IEnumerable<string> arguments)
    {
        var start = new ProcessStartInfo(program) { RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (var argument in arguments)
            start.ArgumentList.Add(argument);
        return Process.Start(start)!;
    }
}
