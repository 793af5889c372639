namespace Chat.LocalKafka.Log;

/// <summary>A known place in a segment: the batch at <paramref name="Position"/> starts with <paramref name="Offset"/>; no record before it is newer than <paramref name="MaxTimestampBefore"/>.</summary>
internal readonly record struct IndexEntry(long Offset, long Position, long MaxTimestampBefore);

/// <summary>The sparse index of one segment, in log order. One entry per <see cref="IntervalBytes"/> of log, so a lookup scans at most that much.</summary>
internal sealed class SegmentIndex
{
    /// <summary>64 MiB of log make 2,048 entries of 24 bytes: 48 KiB of memory.</summary>
    public const int IntervalBytes = 32 * 1024;

    private readonly List<IndexEntry> _entries;

    public SegmentIndex(IEnumerable<IndexEntry>? entries = null) => _entries = entries is null ? [] : [.. entries];

    public IReadOnlyList<IndexEntry> Entries => _entries;

    /// <summary>Called for each batch before it is appended.</summary>
    public void Offer(long offset, long position, long maxTimestampBefore)
    {
        if (_entries.Count == 0 || position - _entries[^1].Position >= IntervalBytes)
            _entries.Add(new IndexEntry(offset, position, maxTimestampBefore));
    }

    /// <summary>Forgets what lies at or after a position, because the log is cut there.</summary>
    public void CutAt(long position) => _entries.RemoveAll(e => e.Position >= position);

    /// <summary>The position from which a scan finds the offset.</summary>
    public long PositionFor(long offset) => Last(e => e.Offset <= offset);

    /// <summary>The position from which a scan finds the first record that is at least as new as the timestamp.</summary>
    public long PositionForTimestamp(long timestamp) => Last(e => e.MaxTimestampBefore < timestamp);

    private long Last(Predicate<IndexEntry> holds)
    {
        // The predicate holds for a prefix of the entries.
        int low = 0, high = _entries.Count;
        while (low < high)
        {
            var middle = (low + high) / 2;
            if (holds(_entries[middle]))
                low = middle + 1;
            else
                high = middle;
        }

        return low == 0 ? 0 : _entries[low - 1].Position;
    }
}
