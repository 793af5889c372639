namespace Chat.Realtime.Connections;

/// <summary>
/// Follows the frame boundaries in a client's byte stream to see that every frame is masked, which RFC 6455 demands and the framework does not check:
/// unmasked bytes that a page chooses could pass for a request of their own at a proxy in between.
/// </summary>
internal struct FrameMarks
{
    private const int MaskLength = 4;
    private int _headerTaken; // bytes of the current header that have arrived
    private int _lengthBytes; // bytes of the extended length that follow the first two
    private ulong _length;
    private long _payloadLeft;

    /// <summary>The number of bytes of <paramref name="data"/> that stand before the first frame without a mask; all of them when there is none.</summary>
    public int CountMasked(ReadOnlySpan<byte> data)
    {
        var at = 0;
        while (at < data.Length)
        {
            if (_payloadLeft > 0)
            {
                var skipped = (int)Math.Min(_payloadLeft, data.Length - at);
                _payloadLeft -= skipped;
                at += skipped;
                continue;
            }
            var frame = Math.Max(0, at - _headerTaken);
            if (!TakeHeaderByte(data[at++])) return frame;
        }
        return data.Length;
    }

    // False when the header says that its frame is not masked.
    private bool TakeHeaderByte(byte value)
    {
        _headerTaken++;
        if (_headerTaken == 1) return true;
        if (_headerTaken == 2)
        {
            if ((value & 0x80) == 0) return false;
            var shortLength = value & 0x7F;
            _lengthBytes = shortLength switch { 127 => 8, 126 => 2, _ => 0 };
            _length = _lengthBytes == 0 ? (ulong)shortLength : 0;
        }
        else _length = (_length << 8) | value;

        if (_headerTaken == 2 + _lengthBytes)
        {
            _payloadLeft = MaskLength + (long)Math.Min(_length, long.MaxValue / 2);
            _headerTaken = 0;
        }
        return true;
    }
}
