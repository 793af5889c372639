namespace Chat.LocalKafka.Log;

/// <summary>
/// Wakes one waiting fetch when enough bytes have become readable in the partitions that it watches. Bytes that arrive between
/// registering and <see cref="WaitAsync"/> count too, so no wake-up is lost.
/// </summary>
internal sealed class DataSignal
{
    private readonly TaskCompletionSource _enough = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private long _missing = long.MaxValue / 2;

    /// <summary>More bytes than any fetch asks for: for changes that it must see at once, such as the end of a topic.</summary>
    public const long Everything = long.MaxValue / 2;

    public void Arrived(long bytes)
    {
        if (Interlocked.Add(ref _missing, -bytes) <= 0)
            _enough.TrySetResult();
    }

    /// <summary>Waits until that many bytes have arrived since the signal was registered, or the time is over.</summary>
    public async Task WaitAsync(long bytes, TimeSpan most, TimeProvider time, CancellationToken cancellation)
    {
        if (Interlocked.Add(ref _missing, bytes - (long.MaxValue / 2)) <= 0)
            return;
        try
        {
            await _enough.Task.WaitAsync(most, time, cancellation);
        }
        catch (TimeoutException)
        {
            // The time is over: the fetch answers with what there is.
        }
    }
}
