using System.Runtime.InteropServices;
using Chat.Contracts;

namespace Chat.Realtime.Fanout;

/// <summary>
/// Serves the members of a large room one after another, round after round, while its events come so fast that two and more come in three rounds: whoever has its turn gets all that came since
/// the last one with one write. Each event to all at once would take the cores that the next events need on their way. An event waits for a round at most, half of one on average.
/// Everything under the room's lock.
/// </summary>
internal sealed class Rotation : IDisposable
{
    // A send takes some 8 µs: so sending takes about two thirds of one core, whatever the rate.
    private static readonly TimeSpan PerMember = TimeSpan.FromMicroseconds(12);
    private static readonly TimeSpan LongestRound = TimeSpan.FromMilliseconds(30);
    // One thread does not serve more in the longest round; their events go to all at once, by several threads.
    private const int MostMembers = 2_500;
    // Between two turns, and how many have theirs together: others wait for the lock meanwhile.
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(2);
    private static readonly TimeSpan ShortestPause = TimeSpan.FromMilliseconds(1);
    private const int MaxAtOnce = 256;
    // So many events tell how fast they come: they have come within so many rounds. At fewer the cores have time to send each to all at once.
    private const int Looked = 8;
    private const int Rounds = 12;

    private readonly List<Subscription> _members;
    private readonly int _maxCount;
    private readonly int _maxBytes;
    private readonly TimeProvider _time;
    private readonly ITimer _timer;
    private readonly long[] _cameAt = new long[Looked]; // when the last ones did
    private readonly List<NumberedEvent> _events = []; // that some member has not got
    private readonly List<long> _places = []; // where in the rotation each of them came
    private EncodedEvents? _encoded;
    private long _came;
    private int _bytes;
    private long _round;
    private int _next;
    private long _servedAt;
    private bool _isRunning;

    /// <summary>
    /// <paramref name="turn"/> is to take the room's lock and call <see cref="ServeNext"/>. Beyond <paramref name="maxCount"/> events or <paramref name="maxBytes"/> nothing waits for its turn.
    /// </summary>
    public Rotation(List<Subscription> members, int maxCount, int maxBytes, TimeProvider time, Action turn)
    {
        (_members, _maxCount, _maxBytes, _time) = (members, maxCount, maxBytes, time);
        _timer = time.CreateTimer(static turn => ((Action)turn!)(), turn, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    /// <summary>Events wait that some member has not got.</summary>
    public bool HasSome => _events.Count > 0;

    /// <summary>
    /// Takes events in, which <paramref name="encoded"/> are too, to be served in turn. False, and they are not taken, when they are to go to all at once; what waits here goes first then:
    /// <see cref="TakeAll"/>.
    /// </summary>
    public bool TryTake(List<NumberedEvent> events, EncodedEvents encoded)
    {
        var (now, first, bytes) = (_time.GetTimestamp(), 0L, 0);
        foreach (var numbered in events)
        {
            bytes += numbered.Body.Length;
            first = _cameAt[_came % Looked];
            _cameAt[_came++ % Looked] = now;
        }
        var isFast = _came > Looked && _time.GetElapsedTime(first, now) <= Round * Rounds;
        if (!isFast || _members.Count > MostMembers || _events.Count + events.Count > _maxCount || _bytes + bytes > _maxBytes) return false;
        _encoded = HasSome ? null : encoded;
        foreach (var numbered in events)
        {
            _events.Add(numbered);
            _places.Add(Place);
        }
        _bytes += bytes;
        if (!_isRunning)
        {
            (_isRunning, _servedAt) = (true, now);
            _timer.Change(Pause, Timeout.InfiniteTimeSpan);
        }
        return true;
    }

    /// <summary>All events that some member has not got, for all; null when there are none.</summary>
    public EncodedEvents? TakeAll()
    {
        var events = HasSome ? Encode() : null;
        Clear();
        return events;
    }

    /// <summary>
    /// Gives one member what it has not got, out of turn: it leaves, or takes the place of one who has left and whose turn may have been. Returns as <see cref="ServeNext"/>.
    /// </summary>
    public (int Left, long AcceptedAtMs) Serve(Subscription member, out Exception? failure)
    {
        failure = null;
        if (!HasSome) return default;
        var events = Encode();
        var oldest = events.FirstAfter(member.HasUpTo);
        return (SharedSend.Send(member, events, ref failure), oldest < events.Count ? events.AcceptedAtMsOf(oldest) : 0);
    }

    /// <summary>
    /// Serves those whose turn it is. Returns how many events left at once, and when the oldest was accepted; <paramref name="failure"/> as in <see cref="SharedSend"/>.
    /// </summary>
    public (int Left, long AcceptedAtMs) ServeNext(out Exception? failure)
    {
        failure = null;
        if (!HasSome || _members.Count == 0)
        {
            Clear();
            _isRunning = false;
            return default;
        }
        var now = _time.GetTimestamp();
        try
        {
            var due = Math.Ceiling(_members.Count * (_time.GetElapsedTime(_servedAt, now) / Round));
            _servedAt = now;
            if (_next >= _members.Count) (_next, _round) = (0, _round + 1);
            var to = Math.Min(_next + (int)Math.Clamp(due, 1, MaxAtOnce), _members.Count);
            var events = Encode();
            var acceptedAtMs = OldestFor(events, _next, to);
            var left = SharedSend.Send(_members, events, _next, to, ref failure);
            _next = to;
            ForgetServed();
            return (left, acceptedAtMs);
        }
        finally
        {
            var pause = Pause - _time.GetElapsedTime(now);
            _timer.Change(pause > ShortestPause ? pause : ShortestPause, Timeout.InfiniteTimeSpan);
        }
    }

    public void Dispose() => _timer.Dispose();

    private TimeSpan Round => PerMember * _members.Count < LongestRound ? PerMember * _members.Count : LongestRound;

    // Grows with every member served. Whoever was there when an event came has had its turn when the place of that moment has come again a round later.
    private long Place => (_round << 32) + _next;

    // Of the first to whom one is new.
    private long OldestFor(EncodedEvents events, int from, int to)
    {
        for (; from < to; from++)
            if (events.FirstAfter(_members[from].HasUpTo) is var oldest && oldest < events.Count) return events.AcceptedAtMsOf(oldest);
        return 0;
    }

    private EncodedEvents Encode() => _encoded ??= new EncodedEvents(CollectionsMarshal.AsSpan(_events));

    private void ForgetServed()
    {
        var served = 0;
        while (served < _events.Count && Place >= _places[served] + (1L << 32)) _bytes -= _events[served++].Body.Length;
        if (served == 0) return;
        _events.RemoveRange(0, served);
        _places.RemoveRange(0, served);
        if (!HasSome) _encoded = null; // otherwise it is made anew with the next event: who has the first of it gets the others alone
    }

    private void Clear()
    {
        _events.Clear();
        _places.Clear();
        (_encoded, _bytes) = (null, 0);
    }
}
