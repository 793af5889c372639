using System.Buffers.Binary;

namespace Chat.LocalKafka.Log;

/// <summary>
/// The sidecar of a closed segment: its index, size and newest timestamp, so that a start reads a few bytes per segment instead of
/// the log. It is only a shortcut: when it is missing or damaged, the segment is scanned.
/// </summary>
internal static class SegmentIndexFile
{
    private const int EntrySize = 24;
    private const int FooterSize = 24;

    public static string PathOf(string segmentPath) => Path.ChangeExtension(segmentPath, ".index");

    public static void Write(Segment segment)
    {
        var entries = segment.Index.Entries;
        var content = new byte[entries.Count * EntrySize + FooterSize];
        var rest = content.AsSpan();
        foreach (var entry in entries)
        {
            BinaryPrimitives.WriteInt64BigEndian(rest, entry.Offset);
            BinaryPrimitives.WriteInt64BigEndian(rest[8..], entry.Position);
            BinaryPrimitives.WriteInt64BigEndian(rest[16..], entry.MaxTimestampBefore);
            rest = rest[EntrySize..];
        }

        // Footer: size, newest timestamp, checksum of the footer, checksum of the entries with it.
        BinaryPrimitives.WriteInt64BigEndian(rest, segment.Size);
        BinaryPrimitives.WriteInt64BigEndian(rest[8..], segment.MaxTimestamp);
        BinaryPrimitives.WriteUInt32BigEndian(rest[16..], Crc32C.Compute(rest[..16]));
        BinaryPrimitives.WriteUInt32BigEndian(rest[20..], Crc32C.Compute(content.AsSpan(0, content.Length - 4)));
        Durable.Replace(PathOf(segment.Path), content);
    }

    /// <summary>Size and newest timestamp alone, from the end of the file.</summary>
    public static (long Size, long MaxTimestamp)? TryReadFooter(string segmentPath)
    {
        var path = PathOf(segmentPath);
        if (!File.Exists(path))
            return null;
        using var file = File.OpenHandle(path);
        Span<byte> footer = stackalloc byte[FooterSize];
        var at = RandomAccess.GetLength(file) - FooterSize;
        return at >= 0 && RandomAccess.Read(file, footer, at) == FooterSize ? ParseFooter(footer) : null;
    }

    public static (SegmentIndex Index, long Size, long MaxTimestamp)? TryRead(string segmentPath)
    {
        var path = PathOf(segmentPath);
        if (!File.Exists(path))
            return null;
        ReadOnlySpan<byte> content = File.ReadAllBytes(path);
        if (content.Length < FooterSize || (content.Length - FooterSize) % EntrySize != 0)
            return null;
        var footer = content[^FooterSize..];
        if (ParseFooter(footer) is not var (size, maxTimestamp)
            || BinaryPrimitives.ReadUInt32BigEndian(footer[20..]) != Crc32C.Compute(content[..^4]))
            return null;

        var entries = new List<IndexEntry>();
        for (var rest = content[..^FooterSize]; !rest.IsEmpty; rest = rest[EntrySize..])
        {
            entries.Add(new IndexEntry(
                BinaryPrimitives.ReadInt64BigEndian(rest),
                BinaryPrimitives.ReadInt64BigEndian(rest[8..]),
                BinaryPrimitives.ReadInt64BigEndian(rest[16..])));
        }

        return (new SegmentIndex(entries), size, maxTimestamp);
    }

    private static (long Size, long MaxTimestamp)? ParseFooter(ReadOnlySpan<byte> footer) =>
        BinaryPrimitives.ReadUInt32BigEndian(footer[16..]) == Crc32C.Compute(footer[..16])
            ? (BinaryPrimitives.ReadInt64BigEndian(footer), BinaryPrimitives.ReadInt64BigEndian(footer[8..]))
            : null;
}
