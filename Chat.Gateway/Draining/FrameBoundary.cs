using System.Buffers.Binary;

namespace Chat.Gateway.Draining;

/// <summary>
/// Follows the WebSocket frames of one direction of a stream without looking into them, and knows where one ends and none has begun:
/// the only places at which a frame of our own may stand.
/// </summary>
internal struct FrameBoundary
{
    private const byte OpcodeMask = 0x0F;
    private const byte LengthMask = 0x7F;
    private const byte MaskBit = 0x80;
    private const byte CloseOpcode = 0x8;
    private const int MaskBytes = 4;

    // Two bytes, a length of up to eight, a mask of four.
    private Header _header;
    private int _headerCount;
    private ulong _payloadLeft;

    /// <summary>The next byte would begin a frame.</summary>
    public readonly bool IsBetweenFrames => _headerCount == 0 && _payloadLeft == 0;

    /// <summary>A close frame has passed: nothing may follow it.</summary>
    public bool IsClosed { get; private set; }

    /// <summary>Takes in what passes, up to the end of the first frame that ends in it when <paramref name="toFrameEnd"/> is set; returns how much that is.</summary>
    public int Advance(ReadOnlySpan<byte> bytes, bool toFrameEnd)
    {
        var position = 0;
        while (position < bytes.Length)
        {
            if (_payloadLeft == 0)
            {
                _header[_headerCount++] = bytes[position++];
                if (_headerCount < 2 || _headerCount < HeaderLength()) continue;
                _payloadLeft = PayloadLength();
                _headerCount = 0;
                IsClosed |= (_header[0] & OpcodeMask) == CloseOpcode;
            }
            var skipped = (int)Math.Min(_payloadLeft, (ulong)(bytes.Length - position));
            position += skipped;
            _payloadLeft -= (ulong)skipped;
            if (toFrameEnd && IsBetweenFrames) return position;
        }
        return position;
    }

    private readonly int HeaderLength() => 2 + ExtendedLengthBytes() + ((_header[1] & MaskBit) != 0 ? MaskBytes : 0);

    private readonly int ExtendedLengthBytes() => (_header[1] & LengthMask) switch { 126 => 2, 127 => 8, _ => 0 };

    private readonly ulong PayloadLength()
    {
        ReadOnlySpan<byte> header = _header;
        return ExtendedLengthBytes() switch
        {
            2 => BinaryPrimitives.ReadUInt16BigEndian(header[2..]),
            8 => BinaryPrimitives.ReadUInt64BigEndian(header[2..]),
            _ => (ulong)(header[1] & LengthMask),
        };
    }

    [System.Runtime.CompilerServices.InlineArray(14)]
    private struct Header
    {
        private byte _first;
    }
}
