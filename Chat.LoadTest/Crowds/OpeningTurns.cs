namespace Chat.LoadTest.Crowds;

/// <summary>
/// Spaces the connections that clients of one crowd open again: thousands that have lost theirs in the same moment would otherwise all be opened before this program reads
/// another message of those that have one, and what those wait for it would be taken for the servers' delay.
/// </summary>
internal sealed class OpeningTurns
{
    /// <summary>2,500 a second: more than servers on the same machine let in.</summary>
    internal static readonly TimeSpan Apart = TimeSpan.FromMicroseconds(400);

    private readonly Lock _gate = new();
    private TimeSpan _next;

    /// <summary>The time from <paramref name="now"/> until the caller may open; each call takes a turn.</summary>
    public TimeSpan Take(TimeSpan now)
    {
        lock (_gate)
        {
            var turn = _next > now ? _next : now;
            _next = turn + Apart;
            return turn - now;
        }
    }
}
