using Chat.Data.Numbering;

namespace Chat.Realtime.Fanout;

/// <summary>
/// Events that have arrived at a room and are not handed out yet. Who brings some while nobody hands out is to do it, until nothing is left; everybody else leaves them here
/// and goes on, so no thread waits while a large room sends. Every room has one: so it is its own lock and keeps no buffer while idle.
/// </summary>
internal sealed class Arrivals(int maxCount, int maxBytes)
{
    private List<RoomFrame>? _frames;
    private int _bytes;
    private bool _lostSome;
    private bool _handedOut; // somebody does

    /// <summary>Takes events in; beyond its bounds it lets them go. True when the caller is to hand out what is here.</summary>
    public bool Add(IReadOnlyList<RoomFrame> frames)
    {
        lock (this)
        {
            foreach (var frame in frames)
            {
                if (_frames?.Count >= maxCount || _bytes + frame.Event.Body.Length > maxBytes)
                {
                    _lostSome = true;
                    break;
                }
                (_frames ??= new List<RoomFrame>(1)).Add(frame);
                _bytes += frame.Event.Body.Length;
            }
            return !_handedOut && (_handedOut = true);
        }
    }

    /// <summary>For who hands out: all that is here, and whether some was let go. False when there is nothing, and then the next to bring something hands out.</summary>
    public bool TryTake(out List<RoomFrame> frames, out bool lostSome)
    {
        lock (this)
        {
            (frames, lostSome) = (_frames ?? [], _lostSome);
            (_frames, _bytes, _lostSome) = (null, 0, false);
            return _handedOut = frames.Count > 0 || lostSome;
        }
    }
}
