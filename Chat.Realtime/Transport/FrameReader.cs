using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text.Unicode;
using Chat.Contracts;

namespace Chat.Realtime.Transport;

/// <summary>
/// Reads a client's frames (RFC 6455) from bytes that come in any pieces. What breaks the protocol is found at the first byte that shows it, and no
/// buffer grows beyond one message of the largest size. A frame that arrives whole is handed on where it lies; only what is incomplete is kept.
/// </summary>
internal sealed class FrameReader
{
    /// <summary>Frames of one message. A message of the largest size in frames of 32 bytes; who sends more is not sending messages.</summary>
    public const int MaxFragments = 1_024;

    private const int MaxHeader = 14;
    private const int MaxControl = 125;
    // A whole message arrives within this time of its first byte; one byte a second would hold a buffer for hours.
    private static readonly TimeSpan MessageTimeout = TimeSpan.FromSeconds(30);

    private readonly byte[] _header = new byte[MaxHeader];
    private readonly IncompleteMessage _message = new();
    private byte[]? _control; // a control frame that came in pieces
    private int _headerLength;
    private bool _inFrame; // the header is known, the payload is not complete
    private bool _final;
    private int _opcode;
    private uint _mask;
    private int _length;
    private int _taken; // payload bytes of this frame so far
    private bool _inMessage; // a message has begun and its last frame has not ended
    private bool _messageTaken; // handed out; to be let go when asked again
    private int _fragments;
    private long _incompleteSince; // 0: not known; 0 again with each whole message

    /// <summary>Nothing is incomplete.</summary>
    public bool IsIdle => !_inFrame && _headerLength == 0 && !_inMessage;

    /// <summary>Asked after each read: whether what is incomplete has been so for too long.</summary>
    public bool IsTooSlow(TimeProvider time)
    {
        if (IsIdle) return false;
        if (_incompleteSince != 0) return time.GetElapsedTime(_incompleteSince) > MessageTimeout;
        _incompleteSince = time.GetTimestamp();
        return false;
    }

    /// <summary>The next message or control frame; false when more bytes are needed. Takes what it has read off <paramref name="data"/>, which it unmasks in place.</summary>
    public bool TryRead(ref Span<byte> data, out IncomingFrame frame)
    {
        if (_messageTaken) Release();
        while (true)
        {
            if (!_inFrame)
            {
                if (!TryReadHeader(ref data, out var violation))
                {
                    frame = violation;
                    return violation.Kind == IncomingKind.Violation;
                }
                _inFrame = true;
                _headerLength = 0;
                _taken = 0;
            }
            var chunk = data[..Math.Min(_length - _taken, data.Length)];
            data = data[chunk.Length..];
            Unmask(chunk, _mask, _taken);
            _taken += chunk.Length;
            var ended = _taken == _length;
            _inFrame = !ended;
            if ((_opcode >= 8 ? TryReadControl(chunk, ended, out frame) : TryReadText(chunk, ended, out frame))) return true;
            if (!ended || data.IsEmpty)
            {
                frame = default;
                return false;
            }
        }
    }

    /// <summary>Gives buffers back and forgets what is incomplete.</summary>
    public void Release()
    {
        _message.Release();
        (_messageTaken, _inMessage, _inFrame, _headerLength, _fragments, _incompleteSince) = (false, false, false, 0, 0, 0);
    }

    // True when the header is complete; else the violation says whether more bytes could make it right.
    private bool TryReadHeader(ref Span<byte> data, out IncomingFrame violation)
    {
        violation = new IncomingFrame(IncomingKind.Text);
        while (!data.IsEmpty)
        {
            _header[_headerLength++] = data[0];
            data = data[1..];
            if (_headerLength == 1 && !BeginFrame(_header[0], out violation)) return false;
            if (_headerLength == 2 && !CheckSecondByte(_header[1], out violation)) return false;
            if (_headerLength < 2) continue;
            var extended = (_header[1] & 0x7F) switch { 126 => 2, 127 => 8, _ => 0 };
            if (_headerLength == 2 + extended && !CheckLength(extended, out violation)) return false;
            if (_headerLength < 2 + extended + 4) continue;
            _mask = MemoryMarshal.Read<uint>(_header.AsSpan(2 + extended));
            return true;
        }
        return false;
    }

    private bool BeginFrame(byte first, out IncomingFrame violation)
    {
        (_final, _opcode) = ((first & 0x80) != 0, first & 0x0F);
        violation = default;
        if ((first & 0x70) != 0) violation = Broken("reserved bits are set");
        else if (_opcode is > 2 and < 8 or > 10) violation = Broken("reserved opcode");
        else if (_opcode >= 8 && !_final) violation = Broken("fragmented control frame");
        else if (_opcode is 1 or 2 && _inMessage) violation = Broken("a message inside another");
        else if (_opcode == 0 && !_inMessage) violation = Broken("continuation of nothing");
        else if (_opcode == 2) violation = new IncomingFrame(IncomingKind.Violation, code: CloseCodes.UnsupportedData, reason: "text frames only");
        else if (_opcode < 8 && ++_fragments > MaxFragments)
            violation = new IncomingFrame(IncomingKind.Violation, code: CloseCodes.PolicyViolation, reason: "message in too many pieces or too slow");
        if (violation.Kind == IncomingKind.Violation) return false;
        if (_opcode < 8) _inMessage = true;
        return true;
    }

    private bool CheckSecondByte(byte second, out IncomingFrame violation)
    {
        violation = default;
        if ((second & 0x80) == 0) violation = Broken("unmasked frame");
        else if (_opcode >= 8 && (second & 0x7F) > MaxControl) violation = Broken("control frame over 125 bytes");
        return violation.Kind != IncomingKind.Violation;
    }

    private bool CheckLength(int extended, out IncomingFrame violation)
    {
        violation = default;
        var length = extended switch
        {
            2 => BinaryPrimitives.ReadUInt16BigEndian(_header.AsSpan(2)),
            8 => BinaryPrimitives.ReadUInt64BigEndian(_header.AsSpan(2)),
            _ => (ulong)(_header[1] & 0x7F),
        };
        if (length > long.MaxValue || (extended == 2 && length < 126) || (extended == 8 && length <= ushort.MaxValue)) violation = Broken("length is not in its shortest form");
        else if (_opcode < 8 && length > (ulong)(ProtocolLimits.MaxMessageBytes - _message.Length))
            violation = new IncomingFrame(IncomingKind.Violation, code: CloseCodes.MessageTooBig, reason: $"messages are at most {ProtocolLimits.MaxMessageBytes} bytes");
        if (violation.Kind == IncomingKind.Violation) return false;
        _length = (int)length;
        return true;
    }

    private bool TryReadText(Span<byte> chunk, bool ended, out IncomingFrame frame)
    {
        var last = ended && _final;
        frame = default;
        if (chunk.IsEmpty && !last) return false;
        if (last && _message.Length == 0)
        {
            // The common case: one frame, all of it here.
            frame = Utf8.IsValid(chunk) ? new IncomingFrame(IncomingKind.Text, chunk) : NotUtf8();
            EndMessage();
            return true;
        }
        if (!_message.TryAppend(chunk, last))
        {
            frame = NotUtf8();
            return true;
        }
        frame = last ? new IncomingFrame(IncomingKind.Text, _message.Bytes) : default;
        if (!last) return false;
        EndMessage();
        _messageTaken = true;
        return true;
    }

    private void EndMessage() => (_inMessage, _fragments, _incompleteSince) = (false, 0, 0);

    private bool TryReadControl(Span<byte> chunk, bool ended, out IncomingFrame frame)
    {
        frame = default;
        ReadOnlySpan<byte> payload = chunk;
        if (chunk.Length < _length)
        {
            chunk.CopyTo((_control ??= new byte[MaxControl]).AsSpan(_taken - chunk.Length));
            if (!ended) return false;
            payload = _control.AsSpan(0, _length);
        }
        frame = _opcode switch
        {
            8 => ReadClose(payload),
            9 => new IncomingFrame(IncomingKind.Ping, payload),
            _ => new IncomingFrame(IncomingKind.Pong, payload),
        };
        return true;
    }

    private static IncomingFrame ReadClose(ReadOnlySpan<byte> payload)
    {
        const int noStatus = 1005;
        if (payload.IsEmpty) return new IncomingFrame(IncomingKind.Close, code: noStatus);
        if (payload.Length == 1) return Broken("half a close code");
        int code = BinaryPrimitives.ReadUInt16BigEndian(payload);
        // Those that RFC 6455 and its registry let stand in a frame, and those of libraries and applications.
        if (code is not (>= 1000 and <= 1003 or >= 1007 and <= 1014 or >= 3000 and <= 4999)) return Broken("close code that may not be sent");
        return Utf8.IsValid(payload[2..]) ? new IncomingFrame(IncomingKind.Close, payload[2..], code) : NotUtf8();
    }

    private static IncomingFrame Broken(string reason) => new(IncomingKind.Violation, code: CloseCodes.ProtocolError, reason: reason);

    private static IncomingFrame NotUtf8() => new(IncomingKind.Violation, code: CloseCodes.InvalidPayload, reason: "not UTF-8");

    private static void Unmask(Span<byte> data, uint mask, int offset)
    {
        mask = System.Numerics.BitOperations.RotateRight(mask, 8 * (offset & 3)); // as read on a little-endian machine, the only kind .NET has on Linux
        var wide = ((ulong)mask << 32) | mask;
        foreach (ref var word in MemoryMarshal.Cast<byte, ulong>(data)) word ^= wide;
        for (var i = data.Length & ~7; i < data.Length; i++) data[i] ^= (byte)(mask >> (8 * (i & 3)));
    }
}
