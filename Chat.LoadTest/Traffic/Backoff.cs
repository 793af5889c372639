namespace Chat.LoadTest.Traffic;

/// <summary>Waits between tries: doubled each time up to a cap, and anything between nothing and that (full jitter).</summary>
internal static class Backoff
{
    private const double FirstMs = 100;
    private const double MaxMs = 1_000;

    public static TimeSpan After(int failures, Random random) =>
        TimeSpan.FromMilliseconds(Math.Min(MaxMs, FirstMs * Math.Pow(2, Math.Min(failures, 10))) * random.NextDouble());
}
