namespace Chat.Realtime;

/// <summary>
/// The tick of work that comes in bursts: an interval after <see cref="Begin"/>, once however often that was called, and never without it. A node at rest has a dozen loops like
/// that, and each tick wakes two or three threads.
/// </summary>
internal sealed class BusyTick : IDisposable
{
    private readonly SemaphoreSlim _due = new(0);
    private readonly ITimer _timer;
    private readonly TimeSpan _interval;
    private int _begun;

    public BusyTick(TimeSpan interval, TimeProvider time)
    {
        _interval = interval;
        _timer = time.CreateTimer(static tick => ((BusyTick)tick!).Now(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    /// <summary>The next tick has come, and nobody has waited for it yet.</summary>
    internal bool IsDue => _due.CurrentCount > 0;

    /// <summary>There is work. Called after it has been put where the one who waits looks for it.</summary>
    public void Begin()
    {
        if (Volatile.Read(ref _begun) == 0 && Interlocked.Exchange(ref _begun, 1) == 0) _timer.Change(_interval, Timeout.InfiniteTimeSpan);
    }

    /// <summary>There is work that cannot wait for the interval.</summary>
    public void Now()
    {
        if (_due.CurrentCount == 0) _due.Release();
    }

    /// <summary>Waits for the next tick, but no longer than <paramref name="longest"/>. For one who waits.</summary>
    public async Task NextAsync(TimeSpan longest, CancellationToken cancellationToken)
    {
        await _due.WaitAsync(longest, cancellationToken);
        Interlocked.Exchange(ref _begun, 0);
    }

    // The semaphore stays: a tick that is just coming may still release it.
    public void Dispose() => _timer.Dispose();
}
