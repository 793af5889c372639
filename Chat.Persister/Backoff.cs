namespace Chat.Persister;

/// <summary>Pauses between attempts: they double from 100 ms to 5 s, each with jitter so that processes do not come back in step.</summary>
/// <param name="attempts">Attempts that were made before.</param>
/// <param name="longest">Another bound than 5 s.</param>
internal sealed class Backoff(TimeProvider time, int attempts = 0, TimeSpan? longest = null)
{
    private static readonly TimeSpan First = TimeSpan.FromMilliseconds(100);

    private readonly TimeSpan _longest = longest ?? TimeSpan.FromSeconds(5);
    private int _attempts = attempts;

    public Task PauseAsync(CancellationToken cancellationToken)
    {
        var pause = First * Math.Pow(2, Math.Min(_attempts++, 10));
        return Task.Delay((pause < _longest ? pause : _longest) * (0.5 + Random.Shared.NextDouble()), time, cancellationToken);
    }

    public void Reset() => _attempts = 0;
}
