using Chat.LoadTest.CommandLine;
using Chat.LoadTest.Measuring;

namespace Chat.LoadTest.Load;

/// <summary>The options of the traffic of a run.</summary>
internal static class TrafficOptions
{
    public static readonly IReadOnlyList<string> Names = ["rate", "bytes", "warm-up", "seconds"];
    private const double MaxRate = 20_000;
    // Each is remembered with a bit for each of its receivers.
    private const double MaxPublishes = 20_000_000;

    public static PublishSchedule Schedule(Arguments arguments, int rooms, int rate, double seconds, double warmUp = 5)
    {
        var schedule = new PublishSchedule(
            arguments.Number("rate", (double)rate, min: 0.1, MaxRate), rooms,
            TimeSpan.FromSeconds(arguments.Number("warm-up", warmUp, min: 0, max: 600)), TimeSpan.FromSeconds(arguments.Number("seconds", seconds, min: 1, max: 24 * 3600)));
        return schedule.Count <= MaxPublishes ? schedule : throw new UsageException($"These are {schedule.Count} publishes, and at most {MaxPublishes} are accounted for: lower --rate or --seconds.");
    }
}
