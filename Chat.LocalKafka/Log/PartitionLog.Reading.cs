using Chat.LocalKafka.Protocol;
using Microsoft.Win32.SafeHandles;

namespace Chat.LocalKafka.Log;

/// <summary>A part of one segment that holds an offset and everything readable after it; must be released.</summary>
internal readonly record struct ReadableRange(Segment Segment, SafeFileHandle File, long From, long To);

/// <summary>A record found by time, as ListOffsets answers it.</summary>
internal readonly record struct OffsetAtTime(long Offset, long Timestamp);

/// <summary>Reading: the lock is held only to find the place, never while the disk works.</summary>
internal sealed partial class PartitionLog
{
    /// <summary>Room that is read ahead to find where a batch starts: an index interval and the header after it.</summary>
    private const int ScanBytes = 4096;

    /// <summary>Checks an offset that a consumer asks for. The end of the log is a valid place to wait at.</summary>
    public ErrorCode CheckFetch(long offset)
    {
        lock (_gate)
        {
            if (_closed)
                return ErrorCode.UnknownTopicOrPartition;
            return offset < LogStart || offset > _nextOffset ? ErrorCode.OffsetOutOfRange : ErrorCode.None;
        }
    }

    /// <summary>Writes whole batches from the one that holds the offset into an answer; at least that one when <paramref name="firstWhole"/> is set. Returns the bytes written.</summary>
    public int Read(long offset, int maxBytes, bool firstWhole, KafkaWriter answer)
    {
        if (Locate(offset) is not { } range)
        {
            answer.WriteBytes([]);
            return 0;
        }

        try
        {
            var start = FindBatch(range, offset, out var firstSize);
            var room = firstSize > maxBytes ? (firstWhole ? firstSize : 0) : (int)Math.Min(maxBytes, range.To - start);
            return answer.WriteFilledBytes(room, (range.File, start), static (place, buffer) =>
                WholeBatches(buffer[..SegmentScan.ReadFully(place.File, buffer, place.start)]));
        }
        finally
        {
            Release(range);
        }
    }

    /// <summary>The first record that is at least as new as the timestamp. In compressed batches the batch's first offset stands for it.</summary>
    public OffsetAtTime? FindByTimestamp(long timestamp)
    {
        for (var notBefore = 0L; LocateByTimestamp(timestamp, notBefore) is { } range; notBefore = range.Segment.BaseOffset + 1)
        {
            try
            {
                OffsetAtTime? found = null;
                SegmentScan.Visit(range.File, range.From, range.To, SegmentScan.AnyOffset, (in RecordBatch batch, ReadOnlySpan<byte> bytes) =>
                {
                    if (batch.MaxTimestamp >= timestamp && batch.LastOffset >= LogStart)
                        found = RecordTimes.FirstNotBefore(batch, bytes, timestamp, LogStart);
                    return found is null;
                });
                if (found is not null)
                    return found;
            }
            finally
            {
                Release(range);
            }
        }

        return null;
    }

    /// <summary>The newest record's time and offset, or null for an empty log.</summary>
    public OffsetAtTime? FindNewest()
    {
        long newest;
        lock (_gate)
            newest = _segments.Max(s => s.MaxTimestamp);
        return newest == long.MinValue ? null : FindByTimestamp(newest);
    }

    private ReadableRange? Locate(long offset)
    {
        lock (_gate)
        {
            if (_closed || offset >= HighWatermark || offset < LogStart)
                return null;
            var segment = _segments[_segments.FindLastIndex(s => s.BaseOffset <= offset)];
            return Range(segment, segment.Index.PositionFor(offset));
        }
    }

    private ReadableRange? LocateByTimestamp(long timestamp, long notBefore)
    {
        lock (_gate)
        {
            var segment = _closed ? null : _segments.Find(s => s.BaseOffset >= notBefore && s.MaxTimestamp >= timestamp);
            return segment is null ? null : Range(segment, segment.Index.PositionForTimestamp(timestamp));
        }
    }

    private ReadableRange Range(Segment segment, long from)
    {
        // Closed segments were flushed before the next one was opened.
        var to = segment == Active ? _durablePosition : segment.Size;
        return new ReadableRange(segment, segment.Acquire(), from, to);
    }

    private void Release(ReadableRange range)
    {
        lock (_gate)
            range.Segment.Release();
    }

    /// <summary>Steps from batch header to batch header until the one that holds the offset.</summary>
    private static long FindBatch(ReadableRange range, long offset, out int size)
    {
        Span<byte> buffer = stackalloc byte[ScanBytes];
        var position = range.From;
        while (position < range.To)
        {
            ReadOnlySpan<byte> headers = buffer[..SegmentScan.ReadFully(range.File, buffer[..(int)Math.Min(ScanBytes, range.To - position)], position)];
            var at = 0;
            while (RecordBatch.TryReadHeader(headers[at..], out var batch))
            {
                if (batch.LastOffset >= offset)
                {
                    size = batch.SizeInBytes;
                    return position;
                }

                position += batch.SizeInBytes;
                at = (int)Math.Min(headers.Length, at + (long)batch.SizeInBytes);
            }
        }

        size = 0;
        return range.To;
    }

    private static int WholeBatches(ReadOnlySpan<byte> bytes)
    {
        var at = 0;
        while (RecordBatch.TryReadHeader(bytes[at..], out var batch) && batch.SizeInBytes <= bytes.Length - at)
            at += batch.SizeInBytes;
        return at;
    }
}
