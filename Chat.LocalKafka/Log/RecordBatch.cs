using System.Buffers.Binary;

namespace Chat.LocalKafka.Log;

/// <summary>The fixed header of a record batch of format 2, the unit that is produced, stored and fetched byte for byte.</summary>
/// <remarks>
/// The CRC covers everything from the attributes on. The base offset and the leader epoch stand before it, so the broker sets
/// them without touching what the producer signed.
/// </remarks>
internal readonly record struct RecordBatch(
    long BaseOffset,
    int SizeInBytes,
    byte Magic,
    uint Crc,
    short Attributes,
    int LastOffsetDelta,
    long BaseTimestamp,
    long MaxTimestamp,
    long ProducerId,
    short ProducerEpoch,
    int BaseSequence,
    int RecordCount)
{
    public const int HeaderSize = 61;
    public const byte CurrentMagic = 2;

    /// <summary>Base offset and length: what must be there to know where the next batch starts.</summary>
    public const int LengthOverhead = 12;

    private const int LengthAt = 8;
    private const int LeaderEpochAt = 12;
    private const int MagicAt = 16;
    private const int CrcAt = 17;
    private const int CrcCoversFrom = 21;
    private const int MaxTimestampAt = 35;
    private const int LogAppendTimeBit = 8;

    public long LastOffset => BaseOffset + LastOffsetDelta;

    public int LastSequence => Sequence.Add(BaseSequence, LastOffsetDelta);

    public bool HasProducer => ProducerId >= 0;

    public int Compression => Attributes & 7;

    public bool IsTransactional => (Attributes & 0x10) != 0;

    public bool IsControl => (Attributes & 0x20) != 0;

    /// <summary>Reads the header of the batch that starts the bytes. False when they are too few for a header.</summary>
    public static bool TryReadHeader(ReadOnlySpan<byte> data, out RecordBatch batch)
    {
        if (data.Length < HeaderSize)
        {
            batch = default;
            return false;
        }

        batch = new RecordBatch(
            BinaryPrimitives.ReadInt64BigEndian(data),
            // Saturating: a length that wraps around would look small.
            (int)Math.Min(int.MaxValue, (long)BinaryPrimitives.ReadInt32BigEndian(data[LengthAt..]) + LengthOverhead),
            data[MagicAt],
            BinaryPrimitives.ReadUInt32BigEndian(data[CrcAt..]),
            BinaryPrimitives.ReadInt16BigEndian(data[CrcCoversFrom..]),
            BinaryPrimitives.ReadInt32BigEndian(data[23..]),
            BinaryPrimitives.ReadInt64BigEndian(data[27..]),
            BinaryPrimitives.ReadInt64BigEndian(data[MaxTimestampAt..]),
            BinaryPrimitives.ReadInt64BigEndian(data[43..]),
            BinaryPrimitives.ReadInt16BigEndian(data[51..]),
            BinaryPrimitives.ReadInt32BigEndian(data[53..]),
            BinaryPrimitives.ReadInt32BigEndian(data[57..]));
        return true;
    }

    /// <summary>Whether the bytes of a whole batch are what its producer wrote.</summary>
    public bool ChecksumMatches(ReadOnlySpan<byte> batchBytes) =>
        batchBytes.Length == SizeInBytes && Crc == Crc32C.Compute(batchBytes[CrcCoversFrom..]);

    /// <summary>Gives the batch its place in the log.</summary>
    public static void Place(Span<byte> batchBytes, long baseOffset, int leaderEpoch)
    {
        BinaryPrimitives.WriteInt64BigEndian(batchBytes, baseOffset);
        BinaryPrimitives.WriteInt32BigEndian(batchBytes[LeaderEpochAt..], leaderEpoch);
    }

    /// <summary>Writes the header of an uncompressed batch without a producer over the start of its bytes, and signs it.</summary>
    public static void WriteHeader(Span<byte> batchBytes, int recordCount, long baseTimestamp, long maxTimestamp)
    {
        batchBytes[..HeaderSize].Clear();
        BinaryPrimitives.WriteInt32BigEndian(batchBytes[LengthAt..], batchBytes.Length - LengthOverhead);
        batchBytes[MagicAt] = CurrentMagic;
        BinaryPrimitives.WriteInt32BigEndian(batchBytes[23..], recordCount - 1);
        BinaryPrimitives.WriteInt64BigEndian(batchBytes[27..], baseTimestamp);
        BinaryPrimitives.WriteInt64BigEndian(batchBytes[MaxTimestampAt..], maxTimestamp);
        batchBytes[43..57].Fill(0xff); // No producer id, epoch and sequence.
        BinaryPrimitives.WriteInt32BigEndian(batchBytes[57..], recordCount);
        BinaryPrimitives.WriteUInt32BigEndian(batchBytes[CrcAt..], Crc32C.Compute(batchBytes[CrcCoversFrom..]));
    }

    /// <summary>Stamps the broker's time on a batch (topics with message.timestamp.type=LogAppendTime) and signs it again.</summary>
    public RecordBatch StampAppendTime(Span<byte> batchBytes, long timestamp)
    {
        var attributes = (short)(Attributes | LogAppendTimeBit);
        BinaryPrimitives.WriteInt16BigEndian(batchBytes[CrcCoversFrom..], attributes);
        BinaryPrimitives.WriteInt64BigEndian(batchBytes[MaxTimestampAt..], timestamp);
        var crc = Crc32C.Compute(batchBytes[CrcCoversFrom..]);
        BinaryPrimitives.WriteUInt32BigEndian(batchBytes[CrcAt..], crc);
        return this with { Attributes = attributes, MaxTimestamp = timestamp, Crc = crc };
    }

    public bool HasAppendTime => (Attributes & LogAppendTimeBit) != 0;
}
