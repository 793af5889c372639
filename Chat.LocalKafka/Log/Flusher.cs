using System.Collections.Concurrent;

namespace Chat.LocalKafka.Log;

/// <summary>
/// A few threads that do what blocks: fsync. Files wait in one queue, each at most once, so that an fsync serves every append that
/// came before it and the queue is bounded by the number of open files.
/// </summary>
internal sealed class Flusher : IDisposable
{
    private readonly BlockingCollection<GroupCommit> _due = new(new ConcurrentQueue<GroupCommit>());
    private readonly Thread[] _threads;

    public Flusher(int threads)
    {
        _threads = [.. Enumerable.Range(1, threads).Select(i => new Thread(Run) { Name = $"flusher-{i}", IsBackground = true })];
        foreach (var thread in _threads)
            thread.Start();
    }

    public void Schedule(GroupCommit file) => _due.Add(file);

    /// <summary>Ends after the queue has been worked off.</summary>
    public void Dispose()
    {
        _due.CompleteAdding();
        foreach (var thread in _threads)
            thread.Join();
        _due.Dispose();
    }

    private void Run()
    {
        foreach (var file in _due.GetConsumingEnumerable())
            file.FlushNow();
    }
}
