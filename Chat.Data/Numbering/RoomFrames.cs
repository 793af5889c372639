using System.Buffers;
using System.Buffers.Text;
using System.Text;
using Chat.Contracts;

namespace Chat.Data.Numbering;

/// <summary>One event of a room channel's message.</summary>
public readonly record struct RoomFrame(NumberedEvent Event, long AccessVersion);

/// <summary>
/// The message that the numbering script publishes on a room's channel: per event a line <c>seq epoch access-version length\n</c> and the body.
/// On a user's channel the same stands behind a line <c>D room_id\n</c>.
/// </summary>
public static class RoomFrames
{
    /// <summary>Splits a channel message; throws <see cref="FormatException"/> when it is not one of the script's.</summary>
    public static IReadOnlyList<RoomFrame> Parse(ReadOnlyMemory<byte> message)
    {
        var frames = new List<RoomFrame>(1);
        while (!message.IsEmpty)
        {
            var line = message.Span;
            var seq = ReadNumber(ref line, ' ');
            var epoch = ReadNumber(ref line, ' ');
            var access = ReadNumber(ref line, ' ');
            var length = ReadNumber(ref line, '\n');
            if (length > line.Length || epoch > int.MaxValue || seq == 0)
                throw new FormatException("A room message has a wrong header.");
            var start = message.Length - line.Length;
            frames.Add(new RoomFrame(new NumberedEvent(seq, (int)epoch, message.Slice(start, (int)length)), access));
            message = message[(start + (int)length)..];
        }
        return frames;
    }

    /// <summary>Splits a message of a user's channel; false when it is not a direct message (those of other kinds are JSON).</summary>
    public static bool TryParseDirect(ReadOnlyMemory<byte> message, out string roomId, out IReadOnlyList<RoomFrame> frames)
    {
        if (!message.Span.StartsWith("D "u8))
        {
            (roomId, frames) = ("", []);
            return false;
        }
        var end = message.Span.IndexOf((byte)'\n');
        if (end < 0)
            throw new FormatException("A direct message has no room.");
        roomId = Encoding.UTF8.GetString(message.Span[2..end]);
        frames = Parse(message[(end + 1)..]);
        return true;
    }

    /// <summary>The message of a user's channel that carries <paramref name="frames"/> of a direct room.</summary>
    public static byte[] ToDirect(string roomId, IReadOnlyList<RoomFrame> frames)
    {
        var writer = new ArrayBufferWriter<byte>();
        writer.Write("D "u8);
        writer.Write(Encoding.UTF8.GetBytes(roomId));
        writer.Write("\n"u8);
        foreach (var (numbered, access) in frames)
        {
            WriteNumber(writer, numbered.Seq, ' ');
            WriteNumber(writer, numbered.Epoch, ' ');
            WriteNumber(writer, access, ' ');
            WriteNumber(writer, numbered.Body.Length, '\n');
            writer.Write(numbered.Body.Span);
        }
        return writer.WrittenSpan.ToArray();
    }

    private static long ReadNumber(ref ReadOnlySpan<byte> text, char end)
    {
        if (!Utf8Parser.TryParse(text, out long value, out var length) || value < 0 || length >= text.Length || text[length] != end)
            throw new FormatException("A room message has a wrong header.");
        text = text[(length + 1)..];
        return value;
    }

    private static void WriteNumber(ArrayBufferWriter<byte> writer, long value, char end)
    {
        var span = writer.GetSpan(21); // 20 characters of a long, and the end
        Utf8Formatter.TryFormat(value, span, out var length);
        span[length] = (byte)end;
        writer.Advance(length + 1);
    }
}
