using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using Chat.LoadTest.CommandLine;

namespace Chat.LoadTest.Platform;

/// <summary>
/// A system of our own: <c>Chat.AppHost</c> as it was built beside this program, on free ports and in a data directory of its own.
/// It ends with the run, whatever the outcome.
/// </summary>
internal sealed class AppHostProcess : IAsyncDisposable
{
    private const int KeptLines = 40;
    private static readonly TimeSpan StartPatience = TimeSpan.FromSeconds(120);
    private static readonly TimeSpan StopPatience = TimeSpan.FromSeconds(40);

    private readonly Process _process;
    private readonly ConcurrentQueue<string> _lines = new();
    private readonly TaskCompletionSource _ready = new(TaskCreationOptions.RunContinuationsAsynchronously);

    private AppHostProcess(string dataDirectory, int nodes, int persisters, IReadOnlyDictionary<string, string> settings)
    {
        DataDirectory = dataDirectory;
        var (http, https, dashboard) = (FreePort(), FreePort(), FreePort());
        Origin = new Uri($"http://127.0.0.1:{http}");
        Dashboard = new Uri($"http://127.0.0.1:{dashboard}");
        var start = new ProcessStartInfo("dotnet", [BuiltAppHost()]) { RedirectStandardOutput = true, RedirectStandardError = true };
        start.Environment["CHAT_DATA"] = dataDirectory;
        start.Environment["CHAT_HTTP_PORT"] = $"{http}";
        start.Environment["CHAT_HTTPS_PORT"] = $"{https}";
        start.Environment["CHAT_DASHBOARD_PORT"] = $"{dashboard}";
        start.Environment["CHAT_NODES"] = $"{nodes}";
        start.Environment["CHAT_PERSISTERS"] = $"{persisters}";
        start.Environment["Chat__Limits__Enabled"] = "false";
        start.Environment["Chat__Drain__Seconds"] = "2";
        foreach (var (name, value) in settings) start.Environment[name] = value;
        _process = new Process { StartInfo = start, EnableRaisingEvents = true };
        _process.OutputDataReceived += (_, line) => Keep(line.Data);
        _process.ErrorDataReceived += (_, line) => Keep(line.Data);
        _process.Exited += (_, _) => _ready.TrySetException(new UsageException($"Chat.AppHost ended at once:\n{LastLines}"));
    }

    public string DataDirectory { get; }

    public Uri Origin { get; }

    public Uri Dashboard { get; }

    public string LastLines => string.Join('\n', _lines);

    /// <param name="nodes">How many.</param>
    /// <param name="persisters">How many.</param>
    /// <param name="stop">Gives up.</param>
    /// <param name="settings">Further variables for the AppHost.</param>
    public static async Task<AppHostProcess> StartAsync(int nodes, int persisters, CancellationToken stop, IReadOnlyDictionary<string, string>? settings = null)
    {
        var system = new AppHostProcess(Directory.CreateTempSubdirectory("chat-faults-").FullName, nodes, persisters, settings ?? new Dictionary<string, string>());
        try
        {
            system._process.Start();
            system._process.BeginOutputReadLine();
            system._process.BeginErrorReadLine();
            await system._ready.Task.WaitAsync(StartPatience, stop);
            return system;
        }
        catch (Exception failure)
        {
            await system.DisposeAsync();
            if (failure is TimeoutException) throw new UsageException($"Chat.AppHost was not ready within {StartPatience.TotalSeconds} s:\n{system.LastLines}");
            throw;
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited) ProcessSignals.Send(_process.Id, ProcessSignal.Terminate);
        try
        {
            await _process.WaitForExitAsync().WaitAsync(StopPatience);
        }
        catch (TimeoutException)
        {
            // Its children watch it and end with it.
            _process.Kill(entireProcessTree: true);
            await _process.WaitForExitAsync();
        }
        _process.Dispose();
    }

    private void Keep(string? line)
    {
        if (line is null) return;
        _lines.Enqueue(line);
        while (_lines.Count > KeptLines && _lines.TryDequeue(out _)) { }
        if (line.StartsWith("READY", StringComparison.Ordinal)) _ready.TrySetResult();
    }

    private static string BuiltAppHost()
    {
        // …/<project>/bin/<configuration>/<framework>/ of whatever program runs this.
        var output = new DirectoryInfo(AppContext.BaseDirectory.TrimEnd(Path.DirectorySeparatorChar));
        var root = output;
        while (root is not null && !File.Exists(Path.Combine(root.FullName, "Chat.sln"))) root = root.Parent;
        var built = Path.Combine(root?.FullName ?? output.FullName, "Chat.AppHost", "bin", output.Parent?.Name ?? "", output.Name, "Chat.AppHost.dll");
        return File.Exists(built) ? built : throw new UsageException($"{built} is not there: build Chat.LoadTest in the repository, or attach to a running system with --target and --dashboard.");
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
