using Chat.LoadTest.Recording;

namespace Chat.LoadTest.Measuring;

/// <summary>Sets every publish off when it is due, whatever became of those before. How late it is itself is recorded too: it sleeps in steps of a millisecond.</summary>
internal sealed class OpenLoop(PublishSchedule schedule, RunClock clock, Action<int> publish)
{
    // So that a stop is noticed between publishes that are far apart.
    private static readonly TimeSpan LongestSleep = TimeSpan.FromMilliseconds(50);

    /// <summary>Of the generator: from when a publish was due to when it was handed to its socket.</summary>
    public Latencies Lateness { get; } = new();

    /// <summary>On a thread of its own, which the receiving clients cannot hold up.</summary>
    /// <param name="start">The moment that the schedule counts from.</param>
    /// <param name="stop">Gives up.</param>
    public Task RunAsync(TimeSpan start, CancellationToken stop) => Task.Factory.StartNew(
        () =>
        {
            for (var next = 0; next < schedule.Count; next++)
            {
                var due = start + schedule.DueAt(next);
                while (due - clock.Now is { Ticks: > 0 } wait)
                {
                    stop.ThrowIfCancellationRequested();
                    Thread.Sleep((int)Math.Ceiling(Math.Min(wait.TotalMilliseconds, LongestSleep.TotalMilliseconds)));
                }
                publish(next);
                if (schedule.IsMeasured(next)) Lateness.Record(clock.Now - due);
            }
        },
        stop, TaskCreationOptions.LongRunning, TaskScheduler.Default);
}
