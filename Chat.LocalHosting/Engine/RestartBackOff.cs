namespace Chat.LocalHosting.Engine;

/// <summary>
/// How long to wait before a process that died is started again: at once the first time, then doubling up to a cap, with jitter.
/// A process that has lived for a while starts over at the beginning.
/// </summary>
internal sealed class RestartBackOff
{
    private const double Jitter = 0.2;
    private static readonly TimeSpan First = TimeSpan.FromMilliseconds(200);
    private static readonly TimeSpan Cap = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan LivedLongEnough = TimeSpan.FromSeconds(30);

    private int _deaths;

    public TimeSpan Next(TimeSpan lived)
    {
        if (lived >= LivedLongEnough)
            _deaths = 0;
        var delay = Math.Min(Cap.TotalMilliseconds, First.TotalMilliseconds * Math.Pow(2, _deaths));
        _deaths = Math.Min(_deaths + 1, 16);
        return TimeSpan.FromMilliseconds(delay * (1 - Jitter + 2 * Jitter * Random.Shared.NextDouble()));
    }
}
