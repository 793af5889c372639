namespace Chat.LocalKafka.Log;

/// <summary>What the broker needs to know of one record: its place and time, as differences to the batch.</summary>
internal readonly record struct RecordPosition(long TimestampDelta, int OffsetDelta);

/// <summary>Walks the uncompressed records of a batch and checks that lengths, key, value and headers fill each record exactly.</summary>
internal ref struct RecordReader(ReadOnlySpan<byte> records)
{
    private ReadOnlySpan<byte> _rest = records;

    public readonly bool AtEnd => _rest.IsEmpty;

    public bool TryReadNext(out RecordPosition position)
    {
        position = default;
        if (!TryReadVarint(ref _rest, out var length) || length < 0 || length > _rest.Length)
            return false;
        var record = _rest[..(int)length];
        _rest = _rest[(int)length..];
        if (record.IsEmpty)
            return false;
        record = record[1..]; // Attributes: unused.
        if (!TryReadVarint(ref record, out var timestampDelta) || !TryReadVarint(ref record, out var offsetDelta))
            return false;
        if (!TrySkipField(ref record, nullable: true) || !TrySkipField(ref record, nullable: true))
            return false;
        if (!TryReadVarint(ref record, out var headers) || headers < 0)
            return false;
        for (var i = 0L; i < headers; i++)
        {
            if (!TrySkipField(ref record, nullable: false) || !TrySkipField(ref record, nullable: true))
                return false;
        }

        position = new RecordPosition(timestampDelta, (int)offsetDelta);
        return record.IsEmpty && offsetDelta is >= 0 and <= int.MaxValue;
    }

    private static bool TrySkipField(ref ReadOnlySpan<byte> data, bool nullable)
    {
        if (!TryReadVarint(ref data, out var length))
            return false;
        if (length == -1 && nullable)
            return true;
        if (length < 0 || length > data.Length)
            return false;
        data = data[(int)length..];
        return true;
    }

    private static bool TryReadVarint(ref ReadOnlySpan<byte> data, out long value)
    {
        value = 0;
        ulong raw = 0;
        for (var i = 0; i < data.Length && i < 10; i++)
        {
            raw |= (ulong)(data[i] & 0x7f) << (7 * i);
            if ((data[i] & 0x80) == 0)
            {
                data = data[(i + 1)..];
                value = (long)(raw >> 1) ^ -(long)(raw & 1); // Zigzag.
                return true;
            }
        }

        return false;
    }
}
