namespace Chat.Realtime.Connections;

/// <summary>
/// Gives back the memory that the coming or going of many connections took. A node at work collects by itself. One on which everybody has become quiet allocates next to
/// nothing, so what the handshakes left would stay for minutes, and it is several times what the connections themselves need. The collection moves together what lives,
/// for which everything stands still: about 1 ms for 1,000 connections. So it waits for a moment in which nobody comes or goes and little is allocated.
/// </summary>
internal sealed partial class IdleMemory(ConnectionRegistry registry, TimeProvider time, ILogger<IdleMemory> logger) : BackgroundService
{
    // What fewer connections leave is not worth a standstill.
    private const int Many = 500;
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);

    private long _collectedAt; // in changes, as the next one
    private long _seen;
    private int _collections;

    /// <summary>True once after many changes, when since the last look there was none and the collector was not needed either.</summary>
    internal bool IsDue(long changes, int collections)
    {
        var isQuiet = changes == _seen && collections == _collections;
        (_seen, _collections) = (changes, collections);
        if (!isQuiet || changes - _collectedAt < Many) return false;
        _collectedAt = changes;
        return true;
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Interval, time);
        try
        {
            while (await timer.WaitForNextTickAsync(stoppingToken))
                if (IsDue(registry.Changes, GC.CollectionCount(0))) Collect();
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            return; // the memory goes with the process
        }
    }

    private void Collect()
    {
        var before = Environment.WorkingSet;
        var started = time.GetTimestamp();
        GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
        _collections = GC.CollectionCount(0); // its own is no sign of work
        Log.Collected(logger, registry.Count, before >> 20, Environment.WorkingSet >> 20, time.GetElapsedTime(started).TotalMilliseconds);
    }

    private static partial class Log
    {
        [LoggerMessage(1013, LogLevel.Information, "All is quiet with {Connections} connections: {Before} MB of memory became {After} MB in {Milliseconds:0} ms")]
        public static partial void Collected(ILogger logger, int connections, long before, long after, double milliseconds);
    }
}
