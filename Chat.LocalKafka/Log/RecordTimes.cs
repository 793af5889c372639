namespace Chat.LocalKafka.Log;

/// <summary>Finds a record by its time inside a batch.</summary>
internal static class RecordTimes
{
    /// <summary>
    /// The first record at least as new as the timestamp and not before the offset. A compressed batch is not opened: its first
    /// offset stands for the record, so a consumer that starts there misses nothing.
    /// </summary>
    public static OffsetAtTime? FirstNotBefore(in RecordBatch batch, ReadOnlySpan<byte> bytes, long timestamp, long minOffset)
    {
        if (batch.HasAppendTime || batch.Compression != 0)
            return new OffsetAtTime(Math.Max(batch.BaseOffset, minOffset), batch.HasAppendTime ? batch.MaxTimestamp : Math.Max(timestamp, batch.BaseTimestamp));
        var records = new RecordReader(bytes[RecordBatch.HeaderSize..]);
        while (records.TryReadNext(out var record))
        {
            var (offset, time) = (batch.BaseOffset + record.OffsetDelta, batch.BaseTimestamp + record.TimestampDelta);
            if (time >= timestamp && offset >= minOffset)
                return new OffsetAtTime(offset, time);
        }

        return null;
    }
}
