namespace Chat.LoadTest.Crowds;

/// <summary>What clients are told to wait before they connect again: full jitter, below a bound that doubles.</summary>
internal static class ReconnectDelay
{
    private const double FirstBoundMs = 250;
    private const double CapMs = 15_000;

    /// <summary>The failures are counted anew once a connection has stood for so long.</summary>
    public static readonly TimeSpan StableAfter = TimeSpan.FromSeconds(5);

    public static TimeSpan After(int failures, Random random) =>
        TimeSpan.FromMilliseconds(Math.Min(CapMs, FirstBoundMs * Math.Pow(2, Math.Min(failures, 10))) * random.NextDouble());
}
