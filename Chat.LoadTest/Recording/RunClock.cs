using System.Diagnostics;

namespace Chat.LoadTest.Recording;

/// <summary>One clock for all clients of the run: what it says of two moments is also their order.</summary>
internal sealed class RunClock
{
    private readonly long _start = Stopwatch.GetTimestamp();

    public TimeSpan Now => Stopwatch.GetElapsedTime(_start);
}
