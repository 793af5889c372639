using Chat.LoadTest.Platform;
using Chat.LoadTest.Recording;

namespace Chat.LoadTest.Measuring;

/// <summary>CPU, memory and collector of every process of the system, and of this program, over a part of a run.</summary>
internal sealed class ProcessWatch(Dashboard dashboard, RunClock clock) : IDisposable
{
    public const string Generator = "load generator";
    private static readonly TimeSpan MetricsPatience = TimeSpan.FromSeconds(10);

    private readonly HttpClient _http = new() { Timeout = MetricsPatience };
    private readonly Dictionary<(string Name, int Pid), Track> _tracks = [];
    private TimeSpan _began;

    /// <summary>Memory and collectors at the beginning. It takes its time, and is done before <see cref="Begin"/>.</summary>
    public async Task LookAsync(CancellationToken stop)
    {
        foreach (var (process, look) in await LookAtAllAsync(stop)) _tracks[(process.Name, process.Pid)] = new Track(process, look);
    }

    /// <summary>CPU is counted from here on.</summary>
    public void Begin()
    {
        var children = ProcessTree.ChildrenOfAll();
        _began = clock.Now;
        foreach (var track in _tracks.Values) track.Begin(_began, children);
    }

    /// <summary>A point of the curves of CPU.</summary>
    public void Tick()
    {
        var children = ProcessTree.ChildrenOfAll();
        var now = clock.Now;
        foreach (var track in _tracks.Values) track.Tick(now, _began, children);
    }

    public async Task<IReadOnlyList<ProcessUse>> EndAsync(CancellationToken stop)
    {
        Tick();
        var length = clock.Now - _began;
        foreach (var (process, look) in await LookAtAllAsync(stop))
        {
            // One that was started meanwhile counts from nothing.
            if (!_tracks.TryGetValue((process.Name, process.Pid), out var track))
                _tracks[(process.Name, process.Pid)] = track = new Track(process, new Look(null, null)) { Cpu = process.CpuSeconds(ProcessTree.ChildrenOfAll()) ?? 0 };
            track.Last = look;
        }
        return [.. _tracks.Values.Select(track => track.Use(length)).OrderByDescending(use => use.CpuSeconds)];
    }

    /// <summary>Memory and collectors of this moment, by themselves.</summary>
    public async Task<IReadOnlyList<ProcessSample>> SampleAsync(CancellationToken stop) =>
        [.. (await LookAtAllAsync(stop)).Select(one => new ProcessSample(one.Process.Name, one.Look.Memory, one.Look.Runtime))];

    public void Dispose() => _http.Dispose();

    private async Task<(WatchedProcess Process, Look Look)[]> LookAtAllAsync(CancellationToken stop)
    {
        var children = ProcessTree.ChildrenOfAll();
        WatchedProcess[] all =
        [
            .. (await dashboard.ProcessesAsync(stop)).Where(process => process.Pid is not null).Select(process => new WatchedProcess(process.Name, process.Pid!.Value, process.Urls, WithChildren: true)),
            // Its child is the system, where it has started one of its own.
            new WatchedProcess(Generator, Environment.ProcessId, [], WithChildren: false),
        ];
        return await Task.WhenAll(all.Select(async process =>
        {
            var runtime = process.Name == Generator ? OwnMetrics() : await MetricsAsync(process.Urls, stop);
            return (process, new Look(process.Memory(children), runtime));
        }));
    }

    /// <summary>The gateway has its metrics on its last address, the others on their only one.</summary>
    private async Task<RuntimeMetrics?> MetricsAsync(IReadOnlyList<string> urls, CancellationToken stop)
    {
        if (urls.LastOrDefault(url => url.StartsWith("http", StringComparison.Ordinal)) is not { } address) return null;
        try
        {
            return RuntimeMetrics.Parse(await _http.GetStringAsync(new Uri(new Uri(address), "/metrics"), stop));
        }
        catch (Exception away) when (away is HttpRequestException or OperationCanceledException && !stop.IsCancellationRequested)
        {
            return null;
        }
    }

    private static RuntimeMetrics OwnMetrics()
    {
        // The runtime counts a collection of a generation in those below it too.
        int[] counts = [GC.CollectionCount(0), GC.CollectionCount(1), GC.CollectionCount(2)];
        return new RuntimeMetrics([counts[0] - counts[1], counts[1] - counts[2], counts[2]], GC.GetTotalPauseDuration().TotalSeconds, GC.GetGCMemoryInfo().HeapSizeBytes, GC.GetTotalAllocatedBytes());
    }

    private sealed record Look(MemoryUse? Memory, RuntimeMetrics? Runtime);

    private sealed class Track(WatchedProcess process, Look first)
    {
        private readonly List<(TimeSpan At, double Cores)> _curve = [];
        private (TimeSpan At, double Cpu) _before;
        private double _start;

        public double Cpu { get; set; }

        public Look? Last { get; set; }

        public void Begin(TimeSpan now, ILookup<int, int> children)
        {
            _start = Cpu = process.CpuSeconds(children) ?? 0;
            _before = (now, Cpu);
        }

        public void Tick(TimeSpan now, TimeSpan began, ILookup<int, int> children)
        {
            // One that has ended keeps what it had used.
            if (now <= _before.At || process.CpuSeconds(children) is not { } cpu) return;
            _curve.Add((now - began, Math.Max(0, cpu - _before.Cpu) / (now - _before.At).TotalSeconds));
            Cpu = cpu;
            _before = (now, cpu);
        }

        public ProcessUse Use(TimeSpan length) => new(
            Last is null ? $"{process.Name} (pid {process.Pid}, ended)" : process.Name, Cpu - _start, (Cpu - _start) / length.TotalSeconds, first.Memory, Last?.Memory,
            first.Runtime is { } then && Last?.Runtime is { } now ? now.Since(then) : null, _curve);
    }
}

/// <param name="Name">As in the dashboard.</param>
/// <param name="Pid">Of the process.</param>
/// <param name="Urls">What it listens on.</param>
/// <param name="WithChildren">They count as its own: Postgres is one process per connection.</param>
internal sealed record WatchedProcess(string Name, int Pid, IReadOnlyList<string> Urls, bool WithChildren)
{
    private static readonly ILookup<int, int> None = Array.Empty<int>().ToLookup(pid => pid);

    /// <param name="children">Of <see cref="ProcessTree.ChildrenOfAll"/>.</param>
    public double? CpuSeconds(ILookup<int, int> children) => ProcessUsage.CpuSeconds(Pid, WithChildren ? children : None);

    /// <param name="children">Of <see cref="ProcessTree.ChildrenOfAll"/>.</param>
    public MemoryUse? Memory(ILookup<int, int> children) => ProcessUsage.Memory(Pid, WithChildren ? children : None);
}

/// <summary>What a process used. Null is "not available".</summary>
/// <param name="Name">As in the dashboard.</param>
/// <param name="CpuSeconds">Of all cores together.</param>
/// <param name="Cores">On the average.</param>
/// <param name="Before">Its memory at the beginning.</param>
/// <param name="After">Its memory at the end.</param>
/// <param name="Runtime">Collections, pauses and allocations in between, and the heap at the end.</param>
/// <param name="Curve">Cores over time.</param>
internal sealed record ProcessUse(
    string Name, double CpuSeconds, double Cores, MemoryUse? Before, MemoryUse? After, RuntimeMetrics? Runtime, IReadOnlyList<(TimeSpan At, double Cores)> Curve);

/// <summary>Of one moment; null is "not available".</summary>
internal sealed record ProcessSample(string Name, MemoryUse? Memory, RuntimeMetrics? Runtime);
