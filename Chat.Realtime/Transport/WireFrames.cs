using System.Buffers.Binary;
using Chat.Realtime.Connections;

namespace Chat.Realtime.Transport;

/// <summary>How a frame to a client stands on the wire (RFC 6455, 5.2): final, never masked, never compressed.</summary>
internal static class WireFrames
{
    /// <summary>The longest header.</summary>
    public const int MaxHeader = 10;

    private const int MaxReason = 123;

    public static int HeaderLength(int payload) => payload < 126 ? 2 : payload <= ushort.MaxValue ? 4 : MaxHeader;

    public static int LengthOf(in OutgoingFrame frame) => HeaderLength(frame.Payload.Length) + frame.Payload.Length;

    /// <summary>Writes the header of a frame; returns its length.</summary>
    public static int WriteHeader(Span<byte> target, FrameKind kind, int payload)
    {
        target[0] = kind switch { FrameKind.Close => 0x88, FrameKind.Ping => 0x89, FrameKind.Pong => 0x8A, _ => 0x81 };
        var length = HeaderLength(payload);
        target[1] = length switch { 2 => (byte)payload, 4 => 126, _ => 127 };
        if (length == 4) BinaryPrimitives.WriteUInt16BigEndian(target[2..], (ushort)payload);
        else if (length == MaxHeader) BinaryPrimitives.WriteUInt64BigEndian(target[2..], (ulong)payload);
        return length;
    }

    /// <summary>Copies a frame from <paramref name="offset"/> on, as much as fits; returns the number of bytes.</summary>
    public static int Copy(in OutgoingFrame frame, int offset, Span<byte> target)
    {
        Span<byte> header = stackalloc byte[MaxHeader];
        var rest = header[..WriteHeader(header, frame.Kind, frame.Payload.Length)];
        var copied = 0;
        if (offset < rest.Length)
        {
            rest = rest[offset..];
            copied = Math.Min(rest.Length, target.Length);
            rest[..copied].CopyTo(target);
            offset = 0;
        }
        else offset -= rest.Length;
        var payload = frame.Payload.Span[offset..];
        var more = Math.Min(payload.Length, target.Length - copied);
        payload[..more].CopyTo(target[copied..]);
        return copied + more;
    }

    /// <summary>A whole close frame.</summary>
    public static byte[] Close(int code, string reason)
    {
        var frame = new OutgoingFrame(ClosePayload(code, reason), FrameKind.Close, 0);
        var wire = new byte[LengthOf(frame)];
        Copy(frame, 0, wire);
        return wire;
    }

    /// <summary>The payload of a close frame.</summary>
    public static byte[] ClosePayload(int code, string reason)
    {
        Span<byte> text = stackalloc byte[MaxReason];
        System.Text.Unicode.Utf8.FromUtf16(reason, text, out _, out var length); // a reason that is too long ends early, at a whole character
        var payload = new byte[2 + length];
        BinaryPrimitives.WriteUInt16BigEndian(payload, (ushort)code);
        text[..length].CopyTo(payload.AsSpan(2));
        return payload;
    }
}
