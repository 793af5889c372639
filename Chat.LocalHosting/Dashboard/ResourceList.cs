using System.Collections.Concurrent;
using System.ComponentModel;
using System.Diagnostics;
using Aspire.Hosting.ApplicationModel;
using Chat.LocalHosting.Engine;

namespace Chat.LocalHosting.Dashboard;

/// <summary>Reads what the engine and the operating system know of every process.</summary>
internal sealed class ResourceList(LocalEngine engine)
{
    private static readonly TimeSpan MinCpuInterval = TimeSpan.FromSeconds(1);

    private readonly ConcurrentDictionary<string, CpuSample> _samples = new();

    public IReadOnlyList<ResourceEntry> Read() => [.. engine.Replicas.Select(Read)];

    public async Task<IReadOnlyList<ResourceEntry>> ReadWithConnectionStringsAsync(CancellationToken cancellationToken)
    {
        var entries = new List<ResourceEntry>();
        foreach (var replica in engine.Replicas)
        {
            var connectionString = replica.Resource is IResourceWithConnectionString resource
                ? await resource.GetConnectionStringAsync(cancellationToken)
                : null;
            entries.Add(Read(replica) with { ConnectionString = connectionString });
        }
        return entries;
    }

    private ResourceEntry Read(Replica replica)
    {
        var snapshot = replica.Snapshot;
        var entry = new ResourceEntry(
            replica.Name, replica.Resource.Name, snapshot.ResourceType, snapshot.State?.Text, snapshot.HealthStatus?.ToString(),
            snapshot.Pid, snapshot.StartTimeStamp, [.. snapshot.Urls.Select(url => url.Url)])
        { ExitCode = snapshot.ExitCode };
        if (snapshot.Pid is not { } pid)
            return entry;
        try
        {
            using var process = Process.GetProcessById(pid);
            return entry with { CpuPercent = CpuOf(replica.Name, pid, process.TotalProcessorTime), MemoryBytes = process.WorkingSet64 };
        }
        catch (Exception failure) when (failure is ArgumentException or InvalidOperationException or Win32Exception)
        {
            // It ended while it was being looked at.
            return entry;
        }
    }

    private double? CpuOf(string name, int pid, TimeSpan used)
    {
        var now = Stopwatch.GetTimestamp();
        var sample = _samples.AddOrUpdate(name, _ => new CpuSample(pid, now, used, null), (_, last) =>
        {
            var elapsed = Stopwatch.GetElapsedTime(last.At, now);
            if (last.Pid != pid)
                return new CpuSample(pid, now, used, null);
            return elapsed < MinCpuInterval ? last : new CpuSample(pid, now, used, Math.Round((used - last.Used) / elapsed * 100, 1));
        });
        return sample.Percent;
    }

    private sealed record CpuSample(int Pid, long At, TimeSpan Used, double? Percent);
}
