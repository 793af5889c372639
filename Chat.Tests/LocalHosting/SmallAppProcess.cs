using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using Chat.LocalHosting.Launching;
using Chat.LocalHosting.Processes;

namespace Chat.Tests.LocalHosting;

/// <summary>The small application in a process of its own, as `dotnet run` would run it, with its dashboard.</summary>
internal sealed class SmallAppProcess : IAsyncDisposable
{
    private static readonly string Executable = new BuiltOutput(typeof(Projects.SmallAppHost).Assembly)
        .ExecutableOf(Path.Combine(Projects.SmallAppHost.ProjectPath, "SmallAppHost.csproj"));

    private readonly Process _process;
    private readonly ConcurrentQueue<string> _output = new();
    private readonly TaskCompletionSource _ready = new(TaskCreationOptions.RunContinuationsAsynchronously);

    private SmallAppProcess(string dataDirectory)
    {
        var dashboardPort = LoopbackPort.Pick();
        Dashboard = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{dashboardPort}") };
        _process = new Process
        {
            StartInfo = new ProcessStartInfo(Executable, [$"CHAT_DATA={dataDirectory}", $"CHAT_DASHBOARD_PORT={dashboardPort}"])
            {
                Environment = { ["DOTNET_ROOT"] = BuiltOutput.DotnetRoot },
                RedirectStandardOutput = true,
                RedirectStandardError = true,
            },
            EnableRaisingEvents = true,
        };
        _process.OutputDataReceived += (_, e) => Keep(e.Data);
        _process.ErrorDataReceived += (_, e) => Keep(e.Data);
        _process.Exited += (_, _) => _ready.TrySetException(new InvalidOperationException($"The AppHost ended: {Output}"));
        _process.Start();
        _process.BeginOutputReadLine();
        _process.BeginErrorReadLine();
    }

    public HttpClient Dashboard { get; }

    public string Output => string.Join('\n', _output);

    public int ExitCode => _process.ExitCode;

    public static async Task<SmallAppProcess> StartAsync(string dataDirectory)
    {
        var app = new SmallAppProcess(dataDirectory);
        try
        {
            await app._ready.Task.WaitAsync(Engines.Timeout);
            return app;
        }
        catch
        {
            await app.DisposeAsync();
            throw;
        }
    }

    /// <summary>Starts it where it is expected to give up by itself.</summary>
    public static async Task<SmallAppProcess> RunToEndAsync(string dataDirectory)
    {
        var app = new SmallAppProcess(dataDirectory);
        await app.WaitForExitAsync();
        return app;
    }

    public async Task<JsonArray> ResourcesAsync() => (await Dashboard.GetFromJsonAsync<JsonArray>("/api/resources"))!;

    public async Task<int[]> PidsAsync() => [.. (await ResourcesAsync()).Select(resource => (int)resource!["pid"]!)];

    public void Send(Signal signal)
    {
        using var kill = Process.Start("kill", [$"-{(int)signal}", _process.Id.ToString()]);
        kill.WaitForExit();
    }

    public Task WaitForExitAsync() => _process.WaitForExitAsync().WaitAsync(Engines.Timeout);

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
            _process.Kill();
        await WaitForExitAsync();
        _process.Dispose();
        Dashboard.Dispose();
    }

    private void Keep(string? line)
    {
        if (line is null)
            return;
        _output.Enqueue(line);
        if (line == "READY")
            _ready.TrySetResult();
    }
}
