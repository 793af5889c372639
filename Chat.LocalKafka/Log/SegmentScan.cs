using System.Buffers;
using Microsoft.Win32.SafeHandles;

namespace Chat.LocalKafka.Log;

/// <summary>Gets each batch with its bytes; false ends the scan after it.</summary>
internal delegate bool VisitBatch(in RecordBatch batch, ReadOnlySpan<byte> bytes);

/// <summary>Reads a segment batch by batch. It stops at the first bytes that are not a whole, correct batch in its place: a torn tail.</summary>
internal static class SegmentScan
{
    private const int ChunkBytes = 1024 * 1024;

    /// <summary>The offset is not known, because the scan starts in the middle.</summary>
    public const long AnyOffset = -1;

    /// <summary>Visits each correct batch between two positions and returns the position after the last one.</summary>
    public static long Visit(SafeFileHandle file, long position, long length, long expectedOffset, VisitBatch visit)
    {
        var buffer = ArrayPool<byte>.Shared.Rent(ChunkBytes);
        try
        {
            while (true)
            {
                var filled = ReadFully(file, buffer.AsSpan(0, (int)Math.Min(buffer.Length, length - position)), position);
                var consumed = 0;
                while (RecordBatch.TryReadHeader(buffer.AsSpan(consumed, filled - consumed), out var batch))
                {
                    if (batch.SizeInBytes < RecordBatch.HeaderSize || batch.SizeInBytes > length - position)
                        return position;
                    if (batch.SizeInBytes > filled - consumed)
                        break;
                    if (batch.Magic != RecordBatch.CurrentMagic
                        || (expectedOffset != AnyOffset && batch.BaseOffset != expectedOffset)
                        || batch.LastOffsetDelta < 0
                        || !batch.ChecksumMatches(buffer.AsSpan(consumed, batch.SizeInBytes)))
                        return position;
                    position += batch.SizeInBytes;
                    if (!visit(batch, buffer.AsSpan(consumed, batch.SizeInBytes)))
                        return position;
                    expectedOffset = batch.LastOffset + 1;
                    consumed += batch.SizeInBytes;
                }

                if (consumed > 0)
                    continue;
                // Nothing was consumed: the end, or a batch that is larger than the buffer but not than the file.
                if (!RecordBatch.TryReadHeader(buffer.AsSpan(0, filled), out var large) || large.SizeInBytes <= buffer.Length)
                    return position;
                ArrayPool<byte>.Shared.Return(buffer);
                buffer = ArrayPool<byte>.Shared.Rent(large.SizeInBytes);
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    /// <summary>Rebuilds what a lost sidecar said.</summary>
    public static (SegmentIndex Index, long Size, long MaxTimestamp) Whole(Segment segment)
    {
        var scanned = (Index: new SegmentIndex(), Size: 0L, MaxTimestamp: long.MinValue);
        var length = RandomAccess.GetLength(segment.File);
        Visit(segment.File, 0, length, segment.BaseOffset, (in RecordBatch batch, ReadOnlySpan<byte> _) =>
        {
            scanned.Index.Offer(batch.BaseOffset, scanned.Size, scanned.MaxTimestamp);
            scanned.Size += batch.SizeInBytes;
            scanned.MaxTimestamp = Math.Max(scanned.MaxTimestamp, batch.MaxTimestamp);
            return true;
        });
        return scanned;
    }

    public static int ReadFully(SafeFileHandle file, Span<byte> buffer, long position)
    {
        var filled = 0;
        while (filled < buffer.Length)
        {
            var read = RandomAccess.Read(file, buffer[filled..], position + filled);
            if (read == 0)
                break;
            filled += read;
        }

        return filled;
    }
}
