namespace Chat.LocalKafka.Log;

/// <summary>
/// A few threads that do what blocks: fsync. Files wait in one queue, each at most once, so that an fsync serves every append that
/// came before it and the queue is bounded by the number of open files.
/// </summary>
internal sealed class Flusher : IDisposable
{
    // A monitor and not a BlockingCollection: who waits for the next file sleeps, where the semaphore would spin first, at a thousand files a second a quarter of a core.
    private readonly object _gate = new();
    private readonly Queue<GroupCommit> _due = new();
    private readonly Thread[] _threads;
    private bool _ended;

    public Flusher(int threads)
    {
        _threads = [.. Enumerable.Range(1, threads).Select(i => new Thread(Run) { Name = $"flusher-{i}", IsBackground = true })];
        foreach (var thread in _threads)
            thread.Start();
    }

    /// <summary>False when the broker stops and nothing is flushed any more.</summary>
    public bool TrySchedule(GroupCommit file)
    {
        lock (_gate)
        {
            if (_ended)
                return false;
            _due.Enqueue(file);
            Monitor.Pulse(_gate);
            return true;
        }
    }

    /// <summary>Ends after the queue has been worked off. What follows a flush runs on these threads, so the last of it may be who calls this.</summary>
    public void Dispose()
    {
        lock (_gate)
        {
            _ended = true;
            Monitor.PulseAll(_gate);
        }
        foreach (var thread in _threads.Where(thread => thread != Thread.CurrentThread))
            thread.Join();
    }

    private void Run()
    {
        while (Next() is { } file)
            file.FlushNow();
    }

    private GroupCommit? Next()
    {
        lock (_gate)
        {
            while (_due.Count == 0)
            {
                if (_ended)
                    return null;
                Monitor.Wait(_gate);
            }
            return _due.Dequeue();
        }
    }
}
