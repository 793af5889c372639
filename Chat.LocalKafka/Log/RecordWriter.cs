namespace Chat.LocalKafka.Log;

/// <summary>Builds an uncompressed record batch without a producer: for what came in an older format.</summary>
internal sealed class RecordWriter
{
    private readonly MemoryStream _records = new();
    private readonly MemoryStream _record = new();
    private int _count;

    public void Add(long timestampDelta, int offsetDelta, byte[]? key, byte[]? value)
    {
        _record.SetLength(0);
        _record.WriteByte(0); // Attributes.
        WriteVarint(_record, timestampDelta);
        WriteVarint(_record, offsetDelta);
        WriteBytes(key);
        WriteBytes(value);
        WriteVarint(_record, 0); // Headers.
        WriteVarint(_records, _record.Length);
        _record.WriteTo(_records);
        _count++;
    }

    public byte[] ToBatch(long baseTimestamp, long maxTimestamp)
    {
        var batch = new byte[RecordBatch.HeaderSize + _records.Length];
        _records.ToArray().CopyTo(batch, RecordBatch.HeaderSize);
        RecordBatch.WriteHeader(batch, _count, baseTimestamp, maxTimestamp);
        return batch;
    }

    private void WriteBytes(byte[]? value)
    {
        WriteVarint(_record, value?.Length ?? -1);
        _record.Write(value);
    }

    private static void WriteVarint(MemoryStream stream, long value)
    {
        var raw = (ulong)((value << 1) ^ (value >> 63)); // Zigzag.
        while (raw >= 0x80)
        {
            stream.WriteByte((byte)(raw | 0x80));
            raw >>= 7;
        }

        stream.WriteByte((byte)raw);
    }
}
