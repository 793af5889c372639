using System.Buffers.Binary;

namespace Chat.LocalKafka.Log;

/// <summary>
/// What a partition knows at a durable position of its log: recovery starts there instead of at the beginning. It is a shortcut
/// except for the log start offset, which DeleteRecords stores here.
/// </summary>
internal sealed record PartitionCheckpoint(
    long LogStart,
    long SegmentBase,
    long Position,
    long NextOffset,
    long MaxTimestamp,
    IReadOnlyList<IndexEntry> Index,
    IReadOnlyList<KeyValuePair<long, ProducerState>> Producers)
{
    private const int Version = 1;

    public byte[] Serialize()
    {
        using var stream = new MemoryStream();
        using var writer = new BinaryWriter(stream);
        writer.Write(Version);
        writer.Write(LogStart);
        writer.Write(SegmentBase);
        writer.Write(Position);
        writer.Write(NextOffset);
        writer.Write(MaxTimestamp);
        writer.Write(Index.Count);
        foreach (var entry in Index)
        {
            writer.Write(entry.Offset);
            writer.Write(entry.Position);
            writer.Write(entry.MaxTimestampBefore);
        }

        writer.Write(Producers.Count);
        foreach (var (id, state) in Producers)
        {
            writer.Write(id);
            writer.Write(state.Epoch);
            writer.Write(state.LastSeen);
            writer.Write((byte)state.Batches.Count);
            foreach (var batch in state.Batches)
            {
                writer.Write(batch.FirstSequence);
                writer.Write(batch.LastSequence);
                writer.Write(batch.BaseOffset);
                writer.Write(batch.LastOffsetDelta);
                writer.Write(batch.Timestamp);
            }
        }

        writer.Write(Crc32C.Compute(stream.GetBuffer().AsSpan(0, (int)stream.Length)));
        return stream.ToArray();
    }

    /// <summary>Null when the bytes are not a whole checkpoint of this version.</summary>
    public static PartitionCheckpoint? TryParse(byte[] content)
    {
        if (content.Length < 8
            || BinaryPrimitives.ReadUInt32LittleEndian(content.AsSpan(content.Length - 4)) != Crc32C.Compute(content.AsSpan(0, content.Length - 4)))
            return null;
        using var reader = new BinaryReader(new MemoryStream(content));
        if (reader.ReadInt32() != Version)
            return null;
        return new PartitionCheckpoint(
            reader.ReadInt64(),
            reader.ReadInt64(),
            reader.ReadInt64(),
            reader.ReadInt64(),
            reader.ReadInt64(),
            ReadList(reader, r => new IndexEntry(r.ReadInt64(), r.ReadInt64(), r.ReadInt64())),
            ReadList(reader, ReadProducer));
    }

    private static List<T> ReadList<T>(BinaryReader reader, Func<BinaryReader, T> element)
    {
        var count = reader.ReadInt32();
        var list = new List<T>(count);
        for (var i = 0; i < count; i++)
            list.Add(element(reader));
        return list;
    }

    private static KeyValuePair<long, ProducerState> ReadProducer(BinaryReader reader)
    {
        var id = reader.ReadInt64();
        var state = new ProducerState(reader.ReadInt16()) { LastSeen = reader.ReadInt64() };
        var count = reader.ReadByte();
        for (var i = 0; i < count; i++)
            state.Batches.Add(new ProducedBatch(reader.ReadInt32(), reader.ReadInt32(), reader.ReadInt64(), reader.ReadInt32(), reader.ReadInt64()));
        return new(id, state);
    }
}
