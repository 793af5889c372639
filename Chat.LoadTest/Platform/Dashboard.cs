using System.Net.Http.Json;
using Chat.LoadTest.CommandLine;

namespace Chat.LoadTest.Platform;

/// <summary>The dashboard of the local engine: which processes there are, and stop and start.</summary>
internal sealed class Dashboard(Uri address) : IDisposable
{
    private static readonly TimeSpan PollInterval = TimeSpan.FromMilliseconds(100);
    // An orderly stop may take 20 s, a start as long again.
    private readonly HttpClient _http = new() { BaseAddress = address, Timeout = TimeSpan.FromSeconds(60) };

    public async Task<IReadOnlyList<ServerProcess>> ProcessesAsync(CancellationToken stop) =>
        await _http.GetFromJsonAsync<IReadOnlyList<ServerProcess>>("/api/resources", stop) ?? [];

    public async Task<IReadOnlyList<ServerProcess>> ProcessesOfAsync(string resource, CancellationToken stop) =>
        [.. (await ProcessesAsync(stop)).Where(process => process.Resource == resource).OrderBy(process => process.Name, StringComparer.Ordinal)];

    /// <param name="name">Of the process.</param>
    /// <param name="command">start, stop or restart.</param>
    /// <param name="stop">Gives up.</param>
    public async Task CommandAsync(string name, string command, CancellationToken stop)
    {
        using var answer = await _http.PostAsync($"/api/resources/{name}/{command}", null, stop);
        answer.EnsureSuccessStatusCode();
    }

    /// <summary>Waits until a condition holds over all processes; false when it did not within <paramref name="patience"/>.</summary>
    public async Task<bool> UntilAsync(Func<IReadOnlyList<ServerProcess>, bool> condition, TimeSpan patience, CancellationToken stop)
    {
        var deadline = DateTime.UtcNow + patience;
        while (!condition(await ProcessesAsync(stop)))
        {
            if (DateTime.UtcNow > deadline) return false;
            await Task.Delay(PollInterval, stop);
        }
        return true;
    }

    /// <summary>Kills a process with SIGKILL. Returns the moment of it, once the engine has seen it.</summary>
    public async Task<TimeSpan> KillAsync(string name, Func<TimeSpan> clock, TimeSpan patience, CancellationToken stop)
    {
        var pid = (await ProcessesAsync(stop)).FirstOrDefault(process => process.Name == name)?.Pid ?? throw new UsageException($"{name} does not run.");
        var killed = clock();
        ProcessSignals.Send(pid, ProcessSignal.Kill);
        if (!await UntilAsync(all => all.Any(process => process.Name == name && process.Pid != pid), patience, stop))
            throw new UsageException($"The engine did not notice that {name} was killed.");
        return killed;
    }

    public void Dispose() => _http.Dispose();
}
