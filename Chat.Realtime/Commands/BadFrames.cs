using Chat.Contracts;

namespace Chat.Realtime.Commands;

/// <summary>Counts the bad frames of one connection over the last minute.</summary>
internal struct BadFrames
{
    private static readonly TimeSpan Window = TimeSpan.FromMinutes(1);
    private long[]? _times; // a ring, made at the first bad frame: most connections never send one
    private int _next;

    /// <summary>Counts one more; true when it is the one too many.</summary>
    public bool Count(TimeProvider time)
    {
        _times ??= new long[ProtocolLimits.BadFramesPerMinute - 1];
        var now = time.GetTimestamp();
        var oldest = _times[_next];
        _times[_next] = now;
        _next = (_next + 1) % _times.Length;
        return oldest != 0 && time.GetElapsedTime(oldest, now) < Window;
    }
}
