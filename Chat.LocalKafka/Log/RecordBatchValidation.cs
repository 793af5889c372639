using Chat.LocalKafka.Protocol;

namespace Chat.LocalKafka.Log;

/// <summary>
/// Decides whether what a producer sent may enter the log: exactly one batch of format 2 whose checksum, counts and, where it is
/// not compressed, records agree. What passes here can be read by every consumer, so nothing else is ever appended.
/// </summary>
internal static class RecordBatchValidation
{
    private const int None = 0;
    private const int Zstd = 4;

    /// <summary>The first version of the produce request whose senders know zstd.</summary>
    private const int ZstdFromVersion = 7;

    public static ErrorCode Validate(ReadOnlySpan<byte> data, int maxBatchBytes, int produceVersion, out RecordBatch batch)
    {
        if (LegacyMessageSet.IsLegacy(data))
        {
            batch = default;
            return ErrorCode.UnsupportedForMessageFormat;
        }

        if (!RecordBatch.TryReadHeader(data, out batch))
            return data.IsEmpty ? ErrorCode.InvalidRecord : ErrorCode.CorruptMessage;
        if (batch.Magic != RecordBatch.CurrentMagic)
            return ErrorCode.InvalidRecord;
        if (batch.SizeInBytes > maxBatchBytes)
            return ErrorCode.MessageTooLarge;
        if (batch.SizeInBytes < RecordBatch.HeaderSize || batch.SizeInBytes > data.Length)
            return ErrorCode.CorruptMessage;
        if (batch.SizeInBytes < data.Length)
            return ErrorCode.InvalidRecord; // More than one batch, or bytes after it.
        if (!batch.ChecksumMatches(data))
            return ErrorCode.CorruptMessage;
        if (batch.RecordCount <= 0 || batch.LastOffsetDelta != batch.RecordCount - 1)
            return ErrorCode.InvalidRecord;
        if (batch.IsControl)
            return ErrorCode.InvalidRecord;
        if (batch.IsTransactional)
            return ErrorCode.InvalidTxnState;
        if (batch.HasProducer && (batch.BaseSequence < 0 || batch.ProducerEpoch < 0))
            return ErrorCode.InvalidRecord;
        if (batch.Compression > Zstd || (batch.Compression == Zstd && produceVersion < ZstdFromVersion))
            return ErrorCode.UnsupportedCompressionType;
        if (batch.Compression == None && !RecordsAreWhole(data[RecordBatch.HeaderSize..], batch.RecordCount))
            return ErrorCode.InvalidRecord;
        return ErrorCode.None;
    }

    private static bool RecordsAreWhole(ReadOnlySpan<byte> records, int count)
    {
        var reader = new RecordReader(records);
        for (var i = 0; i < count; i++)
        {
            if (!reader.TryReadNext(out var record) || record.OffsetDelta != i)
                return false;
        }

        return reader.AtEnd;
    }
}
