namespace Chat.LoadTest.Measuring;

/// <summary>
/// Whether something grows: the median of the last quarter of its samples over that of the second. The first quarter is left out, since what has just started fills its
/// caches; medians, since a heap is a saw.
/// </summary>
internal static class Growth
{
    public const int MinSamples = 8;

    /// <returns>By how much it grew; null with too few samples to say.</returns>
    public static (double From, double To)? Of(IReadOnlyList<double> samples)
    {
        if (samples.Count < MinSamples) return null;
        var quarter = samples.Count / 4;
        return (Median(samples.Skip(quarter).Take(quarter)), Median(samples.TakeLast(quarter)));
    }

    private static double Median(IEnumerable<double> values)
    {
        var sorted = values.Order().ToList();
        return (sorted[(sorted.Count - 1) / 2] + sorted[sorted.Count / 2]) / 2;
    }
}
