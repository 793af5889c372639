using System.Buffers;
using System.Buffers.Text;
using System.Text;

namespace Chat.Realtime.Fanout.PubSub;

internal enum RespKind
{
    /// <summary>A short answer that says no more than that the command was done.</summary>
    Done,
    /// <summary>A command was refused; <see cref="RespFrame.Body"/> says why.</summary>
    Refused,
    Message,
    Subscribed,
    Unsubscribed,
}

/// <summary>
/// What a Redis server says to a connection that subscribes channels (version 2 of its protocol): a view into the bytes received, valid until those are let go.
/// Anything else than such a connection can hear is nonsense, and lengths are bounded: a frame that never ends would collect memory.
/// </summary>
internal readonly struct RespFrame(RespKind kind, ReadOnlySequence<byte> channel, ReadOnlySequence<byte> body)
{
    /// <summary>Of one message; the largest batch of events that the numbering script publishes is far smaller.</summary>
    public const int MaxBytes = 64 << 20;

    // Of a line: a number, a status or an error.
    private const int MaxLine = 16 << 10;

    public RespKind Kind { get; } = kind;

    public ReadOnlySequence<byte> Channel { get; } = channel;

    public ReadOnlySequence<byte> Body { get; } = body;

    /// <summary>Takes one frame from the front of the buffer; false when it is not complete yet. Throws <see cref="FormatException"/> when it is none.</summary>
    public static bool TryRead(ref ReadOnlySequence<byte> buffer, out RespFrame frame)
    {
        frame = default;
        var reader = new SequenceReader<byte>(buffer);
        if (!TryReadLine(ref reader, out var sign, out var line)) return false;
        switch (sign)
        {
            case (byte)'+':
                frame = new RespFrame(RespKind.Done, default, line);
                break;
            case (byte)'-':
                frame = new RespFrame(RespKind.Refused, default, line);
                break;
            case (byte)'*':
                if (!TryReadPush(ref reader, Number(line), out frame)) return false;
                break;
            default:
                throw new FormatException($"a frame that begins with byte {sign}");
        }
        buffer = buffer.Slice(reader.Position);
        return true;
    }

    private static bool TryReadPush(ref SequenceReader<byte> reader, long parts, out RespFrame frame)
    {
        frame = default;
        if (parts is not (2 or 3)) throw new FormatException($"an array of {parts}");
        if (!TryReadString(ref reader, out var kind) || !TryReadString(ref reader, out var channel)) return false;
        if (parts == 2)
        {
            frame = Is(kind, "pong"u8) ? new RespFrame(RespKind.Done, default, channel) : throw Unknown(kind);
            return true;
        }
        if (Is(kind, "smessage"u8))
        {
            if (!TryReadString(ref reader, out var body)) return false;
            frame = new RespFrame(RespKind.Message, channel, body);
            return true;
        }
        var pushed = Is(kind, "ssubscribe"u8) ? RespKind.Subscribed : Is(kind, "sunsubscribe"u8) ? RespKind.Unsubscribed : throw Unknown(kind);
        if (!TryReadLine(ref reader, out var sign, out _)) return false;
        if (sign != (byte)':') throw new FormatException("a count that is no number");
        frame = new RespFrame(pushed, channel, default);
        return true;
    }

    private static bool TryReadString(ref SequenceReader<byte> reader, out ReadOnlySequence<byte> text)
    {
        text = default;
        if (!TryReadLine(ref reader, out var sign, out var line)) return false;
        if (sign != (byte)'$') throw new FormatException("a string without a length");
        var length = Number(line);
        if (length is < 0 or > MaxBytes) throw new FormatException($"a string of {length} bytes");
        if (reader.Remaining < length + 2) return false;
        text = reader.UnreadSequence.Slice(0, length);
        reader.Advance(length);
        return reader.IsNext("\r\n"u8, advancePast: true) ? true : throw new FormatException("a string longer than its length");
    }

    private static bool TryReadLine(ref SequenceReader<byte> reader, out byte sign, out ReadOnlySequence<byte> line)
    {
        sign = 0;
        if (!reader.TryReadTo(out line, "\r\n"u8))
            return reader.Remaining <= MaxLine ? false : throw new FormatException("a line without an end");
        if (line.IsEmpty || line.Length > MaxLine) throw new FormatException($"a line of {line.Length} bytes");
        sign = line.FirstSpan[0];
        line = line.Slice(1);
        return true;
    }

    private static long Number(in ReadOnlySequence<byte> digits)
    {
        const int MostDigits = 12;
        if (digits.Length is 0 or > MostDigits) throw new FormatException("a length that is no number");
        Span<byte> copy = stackalloc byte[MostDigits];
        digits.CopyTo(copy);
        copy = copy[..(int)digits.Length];
        return Utf8Parser.TryParse(copy, out long number, out var used) && used == copy.Length ? number : throw new FormatException("a length that is no number");
    }

    private static bool Is(in ReadOnlySequence<byte> text, ReadOnlySpan<byte> word) => text.Length == word.Length && new SequenceReader<byte>(text).IsNext(word);

    private static FormatException Unknown(in ReadOnlySequence<byte> kind) => new($"a push of kind '{Encoding.ASCII.GetString(kind.Slice(0, Math.Min(kind.Length, 32)))}'");
}
