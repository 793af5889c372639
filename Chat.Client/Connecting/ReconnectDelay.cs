namespace Chat.Client.Connecting;

/// <summary>
/// Back-off with full jitter: a random time between zero and a bound that doubles with each attempt, so that the clients of a node
/// that died do not come back together.
/// </summary>
internal sealed class ReconnectDelay(TimeSpan firstBound, TimeSpan cap, Random random)
{
    // 2^30 × 1 ms is already 12 days: further doubling only overflows.
    private const int MaxDoublings = 30;

    /// <summary>The delay before the next attempt, after <paramref name="attempt"/> failed ones (0 = the first loss).</summary>
    public TimeSpan After(int attempt) => Bound(attempt) * random.NextDouble();

    /// <summary>Upper bound of <see cref="After"/>.</summary>
    public TimeSpan Bound(int attempt)
    {
        var bound = firstBound * Math.Pow(2, Math.Min(attempt, MaxDoublings));
        return bound < cap ? bound : cap;
    }
}
