using System.Collections.Concurrent;
using System.Diagnostics;
using Chat.LoadTest.CommandLine;
using Chat.LoadTest.Platform;
using Chat.LoadTest.Recording;

namespace Chat.LoadTest.Faults;

/// <summary>Does what the schedule says. Whatever it froze goes on and whatever it throttled is open when it ends, also when it is cancelled.</summary>
internal sealed class FaultInjector(Dashboard dashboard, IReadOnlyList<FaultProxy> entrances, BackingLinks? links, string? dataDirectory, RunClock clock)
{
    // Generous: how fast it is stands in the figures; that it comes at all is the promise.
    private static readonly TimeSpan HealthPatience = TimeSpan.FromSeconds(120);

    private readonly ConcurrentQueue<FaultWindow> _done = new();
    // Two faults of one resource, one after the other: what they do is defined for a process that runs.
    private readonly ConcurrentDictionary<string, SemaphoreSlim> _oneAtATime = new();

    public IReadOnlyList<FaultWindow> Done => [.. _done];

    /// <summary>Runs the whole schedule.</summary>
    public async Task RunAsync(IReadOnlyList<PlannedFault> schedule, CancellationToken stop)
    {
        var running = new List<Task>();
        foreach (var planned in schedule)
        {
            var wait = planned.At - clock.Now;
            if (wait > TimeSpan.Zero) await Task.Delay(wait, stop);
            running.Add(DoAsync(planned, stop));
        }
        await Task.WhenAll(running);
    }

    private async Task DoAsync(PlannedFault planned, CancellationToken stop)
    {
        var fault = planned.Fault;
        var turn = _oneAtATime.GetOrAdd(fault.Resource ?? $"proxy {planned.Pick % entrances.Count}", _ => new SemaphoreSlim(1, 1));
        await turn.WaitAsync(stop);
        try
        {
            var from = clock.Now;
            var target = fault.IsOfLink ? await ToLinkAsync(planned, ProxyOf(planned), stop) : await ToResourceAsync(planned, fault.Resource!, stop);
            var healed = clock.Now;
            var healthy = await dashboard.UntilAsync(
                all => all.Where(p => fault.IsOfLink || p.Resource == fault.Resource).All(p => p.IsHealthy), HealthPatience, stop);
            if (!healthy) throw new UnhealedException($"{target} was not healthy {HealthPatience.TotalSeconds} s after {fault.Name}");
            _done.Enqueue(new FaultWindow(fault.Name, target, from, healed, clock.Now));
        }
        finally
        {
            turn.Release();
        }
    }

    private FaultProxy ProxyOf(PlannedFault planned) => planned.Fault.Resource is { } server
        ? (links ?? throw new UsageException($"{planned.Fault.Name} needs a system that this program starts.")).Before(server)
        : entrances[planned.Pick % entrances.Count];

    private static async Task<string> ToLinkAsync(PlannedFault planned, FaultProxy proxy, CancellationToken stop)
    {
        if (planned.Fault.Action == FaultAction.ProxyReset)
        {
            proxy.Reset();
            return proxy.Name;
        }
        try
        {
            proxy.Set(planned.Fault.Action switch
            {
                FaultAction.ProxyStall => LinkState.Stalled,
                FaultAction.ProxySlow => LinkState.Slow,
                FaultAction.ProxyHalfOpen => LinkState.HalfOpen,
                var action => throw new InvalidOperationException($"{action} is not done by a proxy."),
            });
            await Task.Delay(planned.Duration, stop);
        }
        finally
        {
            proxy.Set(LinkState.Open);
        }
        return proxy.Name;
    }

    private async Task<string> ToResourceAsync(PlannedFault planned, string resource, CancellationToken stop)
    {
        var replicas = await dashboard.ProcessesOfAsync(resource, stop);
        if (replicas.Count == 0) throw new UsageException($"The system has no process of {resource}.");
        var chosen = replicas[planned.Pick % replicas.Count];
        switch (planned.Fault.Action)
        {
            case FaultAction.Kill:
                var pid = await PidAsync(chosen.Name, stop);
                ProcessSignals.Send(pid, ProcessSignal.Kill);
                if (!await dashboard.UntilAsync(all => all.Any(p => p.Name == chosen.Name && p.Pid is { } now && now != pid), HealthPatience, stop))
                    throw new UnhealedException($"{chosen.Name} was not started again within {HealthPatience.TotalSeconds} s of its death");
                break;
            case FaultAction.Freeze:
                var frozen = await PidAsync(chosen.Name, stop);
                try
                {
                    ProcessSignals.SendToTree(frozen, ProcessSignal.Stop);
                    await Task.Delay(planned.Duration, stop);
                }
                finally
                {
                    ProcessSignals.SendToTree(frozen, ProcessSignal.Continue);
                }
                break;
            case FaultAction.Restart:
                await dashboard.CommandAsync(chosen.Name, "restart", stop);
                break;
            case FaultAction.Roll:
                foreach (var replica in replicas)
                {
                    await dashboard.CommandAsync(replica.Name, "restart", stop);
                    if (!await dashboard.UntilAsync(all => all.Any(p => p.Name == replica.Name && p.IsHealthy), HealthPatience, stop))
                        throw new UnhealedException($"{replica.Name} was not healthy {HealthPatience.TotalSeconds} s after its restart");
                }
                return resource;
            case FaultAction.Flush:
                await RedisCommandLine.AskAsync(chosen.Urls[0], chosen.ConnectionString ?? throw new UsageException("The dashboard names no connection string of Redis."), stop, "FLUSHALL");
                break;
            case FaultAction.Rewind:
                await RewindAsync(chosen.Name, planned.Duration, stop);
                break;
            default:
                throw new InvalidOperationException($"{planned.Fault.Action} is not done to a process.");
        }
        return chosen.Name;
    }

    /// <summary>A copy of the files, some seconds of new messages, and the copy takes the place of the files.</summary>
    private async Task RewindAsync(string name, TimeSpan distance, CancellationToken stop)
    {
        var files = Path.Combine(dataDirectory ?? throw new UsageException("rewind-redis needs --data: the data directory of the system."), "redis");
        var copy = files + ".older";
        if (Directory.Exists(copy)) Directory.Delete(copy, recursive: true);
        await CopyAsync(files, copy, stop);
        await Task.Delay(distance, stop);
        await dashboard.CommandAsync(name, "stop", stop);
        Directory.Delete(files, recursive: true);
        await CopyAsync(copy, files, stop);
        await dashboard.CommandAsync(name, "start", stop);
    }

    // With owners and modes: Redis runs under an account of its own.
    private static async Task CopyAsync(string from, string to, CancellationToken stop)
    {
        using var copy = Process.Start("cp", ["-a", from, to]);
        await copy.WaitForExitAsync(stop);
        if (copy.ExitCode != 0) throw new IOException($"{from} could not be copied to {to}.");
    }

    /// <summary>The process may be on its way up from an earlier fault.</summary>
    private async Task<int> PidAsync(string name, CancellationToken stop)
    {
        int? pid = null;
        if (!await dashboard.UntilAsync(all => (pid = all.FirstOrDefault(p => p.Name == name)?.Pid) is not null, HealthPatience, stop))
            throw new UnhealedException($"{name} has not run for {HealthPatience.TotalSeconds} s");
        return pid!.Value;
    }
}

/// <summary>The system did not come back by itself: a broken promise, not a broken run.</summary>
internal sealed class UnhealedException(string message) : Exception(message);
