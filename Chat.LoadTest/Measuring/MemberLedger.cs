namespace Chat.LoadTest.Measuring;

/// <summary>
/// What one member was sent: a bit for each publish of its room, and the numbers in the order in which they came. A number that comes twice is a duplicate, one
/// that comes after a higher one was reordered, and one that never came between others is a hole. Numbers may skip only where an epoch begins.
/// </summary>
internal sealed class MemberLedger(int turns)
{
    // A broken stream may have a hole at every second number: what is beyond so many is counted, and no longer told apart from a duplicate.
    private const int MaxGaps = 10_000;

    private readonly Lock _gate = new();
    private readonly ulong[] _came = new ulong[(turns + 63) / 64];
    private readonly List<(long From, long To)> _gaps = [];
    private byte[] _epoch = [];
    private long _highest;
    private long _forgottenGaps;

    /// <summary>Publishes that came a second time, and other events whose number did.</summary>
    public int Duplicates { get; private set; }

    /// <summary>Events that came behind a higher number of theirs.</summary>
    public int Reordered { get; private set; }

    /// <summary>Numbers that never came.</summary>
    public long Holes
    {
        get { lock (_gate) return _forgottenGaps + _gaps.Sum(gap => gap.To - gap.From + 1); }
    }

    public bool Has(int turn) => (_came[turn / 64] >> (turn % 64) & 1) != 0;

    /// <param name="seq">Of the event.</param>
    /// <param name="epoch">Of the event.</param>
    /// <param name="turn">Which publish of the room it is; null when it is another event, such as a join.</param>
    /// <returns>True when it is a publish that had not come before.</returns>
    public bool Take(long seq, ReadOnlySpan<byte> epoch, int? turn)
    {
        lock (_gate)
        {
            var isNewNumber = TakeNumber(seq, epoch);
            var isNew = turn is { } index ? !Has(index) : isNewNumber;
            // Also one number for two events.
            if (!isNew || !isNewNumber) Duplicates++;
            if (turn is not { } publish || !isNew) return false;
            _came[publish / 64] |= 1UL << (publish % 64);
            return true;
        }
    }

    /// <returns>False when the number came before.</returns>
    private bool TakeNumber(long seq, ReadOnlySpan<byte> epoch)
    {
        if (_highest == 0 || (seq > _highest && !epoch.SequenceEqual(_epoch)))
        {
            (_highest, _epoch) = (seq, epoch.ToArray());
            return true;
        }
        if (seq > _highest)
        {
            if (seq > _highest + 1) Miss(_highest + 1, seq - 1);
            _highest = seq;
            return true;
        }
        var index = _gaps.FindIndex(gap => gap.From <= seq && seq <= gap.To);
        if (index < 0) return false;
        Reordered++;
        var (from, to) = _gaps[index];
        _gaps.RemoveAt(index);
        if (seq < to) _gaps.Insert(index, (seq + 1, to));
        if (from < seq) _gaps.Insert(index, (from, seq - 1));
        return true;
    }

    private void Miss(long from, long to)
    {
        if (_gaps.Count < MaxGaps) _gaps.Add((from, to));
        else _forgottenGaps += to - from + 1;
    }
}
