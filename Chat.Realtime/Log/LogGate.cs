namespace Chat.Realtime.Log;

/// <summary>Bounds what waits for the log, in events and bytes: the producer's own queue throws when it is full, so it must never be.</summary>
internal sealed class LogGate(int maxEvents, long maxBytes)
{
    private readonly Lock _gate = new();
    private int _events;
    private long _bytes;

    /// <summary>False when there is no room for one more.</summary>
    public bool TryEnter(int bytes)
    {
        lock (_gate)
        {
            if (_events >= maxEvents || _bytes + bytes > maxBytes) return false;
            _events++;
            _bytes += bytes;
            return true;
        }
    }

    public void Leave(int bytes)
    {
        lock (_gate)
        {
            _events--;
            _bytes -= bytes;
        }
    }
}
