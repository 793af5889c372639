namespace Chat.LocalKafka.Groups;

/// <summary>
/// The monotonic clock and the one timer of a group. A deadline that moves further away does not touch the timer: it fires once
/// too early and is set again, so that heartbeats cost nothing.
/// </summary>
internal sealed class GroupClock : IDisposable
{
    private readonly TimeProvider _time;
    private readonly long _start;
    private readonly ITimer _timer;
    private long _wakeAt = long.MaxValue;

    public GroupClock(TimeProvider time, Action tick)
    {
        _time = time;
        _start = time.GetTimestamp();
        _timer = time.CreateTimer(
            _ =>
            {
                Volatile.Write(ref _wakeAt, long.MaxValue);
                tick();
            },
            null,
            Timeout.InfiniteTimeSpan,
            Timeout.InfiniteTimeSpan);
    }

    /// <summary>Milliseconds since the group was made; not moved by changes of the system's time.</summary>
    public long Now => (long)_time.GetElapsedTime(_start).TotalMilliseconds;

    public long UtcNow => _time.GetUtcNow().ToUnixTimeMilliseconds();

    public void WakeAt(long deadline)
    {
        if (deadline >= Volatile.Read(ref _wakeAt))
            return;
        Volatile.Write(ref _wakeAt, deadline);
        _timer.Change(TimeSpan.FromMilliseconds(Math.Max(1, deadline - Now)), Timeout.InfiniteTimeSpan);
    }

    public void Dispose() => _timer.Dispose();
}
