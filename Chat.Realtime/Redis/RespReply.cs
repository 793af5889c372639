using System.Buffers.Text;
using System.Text;
using StackExchange.Redis;

namespace Chat.Realtime.Redis;

/// <summary>Reads what Redis answers to a command (version 2 of its protocol). Sizes are bounded: a reply that never ends would collect memory.</summary>
internal static class RespReply
{
    /// <summary>Of one reply; the largest that a room's command can get is far smaller.</summary>
    public const int MaxBytes = 64 << 20;

    private const int MaxLine = 16 << 10;
    private const int MaxItems = 1 << 20;
    private const int MaxDepth = 4;

    /// <summary>
    /// Takes one reply from the front of the bytes, a refusal as <paramref name="error"/>; false when it is not complete yet. Throws <see cref="FormatException"/> when it is none.
    /// </summary>
    public static bool TryRead(ref ReadOnlySpan<byte> bytes, out RedisResult? reply, out string? error)
    {
        var rest = bytes;
        (reply, error) = (null, null);
        if (!rest.IsEmpty && rest[0] == (byte)'-')
        {
            if (!TryReadLine(ref rest, out var line)) return false;
            error = Encoding.UTF8.GetString(line);
        }
        else if (!TryReadValue(ref rest, 0, out reply)) return false;
        bytes = rest;
        return true;
    }

    private static bool TryReadValue(ref ReadOnlySpan<byte> bytes, int depth, out RedisResult? value)
    {
        value = null;
        if (bytes.IsEmpty) return false;
        var sign = bytes[0];
        if (!TryReadLine(ref bytes, out var line)) return false;
        switch (sign)
        {
            case (byte)'+':
                value = RedisResult.Create(Encoding.UTF8.GetString(line), ResultType.SimpleString);
                return true;
            case (byte)':':
                value = RedisResult.Create(Number(line), ResultType.Integer);
                return true;
            case (byte)'$':
                return TryReadString(ref bytes, Number(line), out value);
            case (byte)'*':
                return TryReadArray(ref bytes, Number(line), depth, out value);
            default:
                throw new FormatException($"a reply that begins with byte {sign}");
        }
    }

    private static bool TryReadString(ref ReadOnlySpan<byte> bytes, long length, out RedisResult? value)
    {
        value = null;
        if (length == -1)
        {
            value = RedisResult.Create(RedisValue.Null, ResultType.BulkString);
            return true;
        }
        if (length is < 0 or > MaxBytes) throw new FormatException($"a string of {length} bytes");
        if (bytes.Length < length + 2) return false;
        if (!bytes[(int)length..].StartsWith("\r\n"u8)) throw new FormatException("a string longer than its length");
        value = RedisResult.Create(bytes[..(int)length].ToArray(), ResultType.BulkString);
        bytes = bytes[((int)length + 2)..];
        return true;
    }

    private static bool TryReadArray(ref ReadOnlySpan<byte> bytes, long count, int depth, out RedisResult? value)
    {
        value = null;
        if (count == -1)
        {
            value = RedisResult.Create(RedisValue.Null, ResultType.Array);
            return true;
        }
        if (count is < 0 or > MaxItems || depth == MaxDepth) throw new FormatException($"an array of {count} at depth {depth}");
        if (count > bytes.Length) return false; // each item has some bytes: nothing is reserved for what is not there
        var items = new RedisResult[count];
        for (var i = 0; i < items.Length; i++)
        {
            if (!TryReadValue(ref bytes, depth + 1, out var item)) return false;
            items[i] = item!;
        }
        value = RedisResult.Create(items);
        return true;
    }

    private static bool TryReadLine(ref ReadOnlySpan<byte> bytes, out ReadOnlySpan<byte> line)
    {
        line = default;
        var end = bytes.IndexOf("\r\n"u8);
        if (end > MaxLine || (end < 0 && bytes.Length > MaxLine)) throw new FormatException("a line without an end");
        if (end < 0) return false;
        if (end == 0) throw new FormatException("a line of nothing");
        line = bytes[1..end];
        bytes = bytes[(end + 2)..];
        return true;
    }

    private static long Number(ReadOnlySpan<byte> digits) =>
        Utf8Parser.TryParse(digits, out long number, out var used) && used == digits.Length ? number : throw new FormatException("a number that is none");
}
