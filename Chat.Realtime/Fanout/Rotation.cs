using System.Runtime.InteropServices;
using Chat.Contracts;

namespace Chat.Realtime.Fanout;

/// <summary>
/// Serves the members of a large room one after another, round after round, while its events come so fast that two or more come in each round: whoever has its turn gets all that came since
/// the last one with one write. Each event to all at once would take the cores that the next events need on their way. An event waits for a round at most, half of one on average.
/// Everything under the room's lock.
/// </summary>
internal sealed class Rotation : IDisposable
{
    // A send takes some 8 µs: so sending takes half of one core at most, whatever the rate.
    private static readonly TimeSpan PerMember = TimeSpan.FromMicroseconds(20);
    // Of very many members nobody waits longer for that; the sends take more then.
    private static readonly TimeSpan LongestRound = TimeSpan.FromMilliseconds(30);
    // Between two looks at whose turn it is, and for how many one look is at most: others wait for the lock meanwhile.
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(2);
    private const int MaxAtOnce = 256;
    // So many events tell how fast they come: they have come within the rounds that have two each.
    private const int Looked = 8;
    private const int PerRound = 2;

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

    /// <summary>Takes events in. False when all that is here is to go to all at once: <see cref="TakeAll"/>.</summary>
    public bool TryTake(List<NumberedEvent> events)
    {
        var (now, first) = (_time.GetTimestamp(), 0L);
        foreach (var numbered in events)
        {
            _events.Add(numbered);
            _places.Add(Place);
            _bytes += numbered.Body.Length;
            first = _cameAt[_came % Looked];
            _cameAt[_came++ % Looked] = now;
        }
        _encoded = null;
        var isFast = _came > Looked && _time.GetElapsedTime(first, now) <= Round * Looked / PerRound;
        if (!isFast || _events.Count >= _maxCount || _bytes >= _maxBytes) return false;
        try
        {
            Encode(); // whoever brings what cannot be encoded is told, and nobody's turn fails by it
        }
        catch
        {
            Clear();
            throw;
        }
        if (!_isRunning)
        {
            (_isRunning, _servedAt) = (true, now);
            _timer.Change(Pause, Timeout.InfiniteTimeSpan);
        }
        return true;
    }

    /// <summary>All events that some member has not got, for all.</summary>
    public EncodedEvents TakeAll()
    {
        try
        {
            return Encode();
        }
        finally
        {
            Clear();
        }
    }

    /// <summary>Gives one member what it has not got, out of turn: it leaves, or takes the place of one who has left and whose turn may have been.</summary>
    public void Serve(Subscription member)
    {
        if (HasSome) member.Deliver(Encode());
    }

    /// <summary>
    /// Serves those whose turn it is. Returns how many events left at once, and when the oldest was accepted; <paramref name="failure"/> as in <see cref="SharedSend"/>.
    /// </summary>
    public (int Left, long AcceptedAtMs) ServeNext(out Exception? failure)
    {
        failure = null;
        if (!HasSome || _members.Count == 0)
        {
            _isRunning = false;
            return default;
        }
        var now = _time.GetTimestamp();
        var due = Math.Ceiling(_members.Count * (_time.GetElapsedTime(_servedAt, now) / Round));
        var count = (int)Math.Clamp(due, 1, Math.Min(MaxAtOnce, _members.Count));
        _servedAt = now;
        if (_next >= _members.Count) (_next, _round) = (0, _round + 1);
        count = Math.Min(count, _members.Count - _next);
        var events = Encode();
        var oldest = events.FirstAfter(_members[_next].DeliverAfter);
        var left = SharedSend.Send(_members, events, _next, _next + count, ref failure);
        _next += count;
        ForgetServed();
        var pause = Pause - _time.GetElapsedTime(now);
        _timer.Change(pause > TimeSpan.Zero ? pause : TimeSpan.Zero, Timeout.InfiniteTimeSpan);
        return (left, oldest < events.Count ? events.AcceptedAtMsOf(oldest) : 0);
    }

    public void Dispose() => _timer.Dispose();

    private TimeSpan Round => PerMember * _members.Count < LongestRound ? PerMember * _members.Count : LongestRound;

    // Grows with every member served. Whoever was there when an event came has had its turn when the place of that moment has come again a round later.
    private long Place => (_round << 32) + _next;

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
