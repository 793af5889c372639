namespace Chat.Frontend.Shell;

/// <summary>The one timer of a circuit: it sleeps until the next moment at which something on the screen says something else.</summary>
public sealed class WakeTimer : IDisposable
{
    // Times like "5 min ago" and the name of the day go on while nothing happens.
    private static readonly TimeSpan Longest = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan Shortest = TimeSpan.FromMilliseconds(20);
    private readonly TimeProvider _time;
    private readonly ITimer _timer;

    /// <param name="time">Clock.</param>
    /// <param name="wake">Called on a thread of the pool.</param>
    public WakeTimer(TimeProvider time, Action wake)
    {
        _time = time;
        _timer = time.CreateTimer(_ => wake(), null, Longest, Timeout.InfiniteTimeSpan);
    }

    public void SleepUntil(DateTimeOffset? due)
    {
        var wait = due is { } at ? at - _time.GetUtcNow() : Longest;
        _timer.Change(wait < Shortest ? Shortest : wait > Longest ? Longest : wait, Timeout.InfiniteTimeSpan);
    }

    public void Dispose() => _timer.Dispose();
}
