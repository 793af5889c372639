using System.Buffers;
using System.Text;
using Chat.Data;
using StackExchange.Redis;

namespace Chat.Realtime.Redis;

/// <summary>Writes commands as Redis reads them.</summary>
internal static class RespCommand
{
    public static void Write(IBufferWriter<byte> to, params ReadOnlySpan<string> words)
    {
        WriteLength(to, '*', words.Length);
        foreach (var word in words) WriteText(to, word);
    }

    public static void Write(IBufferWriter<byte> to, in RedisCommand command)
    {
        WriteLength(to, '*', 1 + command.Before.Count + command.Keys.Count + command.After.Count);
        WriteText(to, command.Name);
        foreach (var value in command.Before) WriteValue(to, value);
        foreach (var key in command.Keys) WriteText(to, key);
        foreach (var value in command.After) WriteValue(to, value);
    }

    private static void WriteText(IBufferWriter<byte> to, string text)
    {
        WriteLength(to, '$', Encoding.UTF8.GetByteCount(text));
        Encoding.UTF8.GetBytes(text, to);
        to.Write("\r\n"u8);
    }

    private static void WriteValue(IBufferWriter<byte> to, RedisValue value)
    {
        var length = value.GetByteCount();
        WriteLength(to, '$', length);
        to.Advance(value.CopyTo(to.GetSpan(Math.Max(1, length))));
        to.Write("\r\n"u8);
    }

    private static void WriteLength(IBufferWriter<byte> to, char sign, int length)
    {
        const int MostBytes = 16; // a sign, ten digits, an end of line
        System.Text.Unicode.Utf8.TryWrite(to.GetSpan(MostBytes), $"{sign}{length}\r\n", out var written);
        to.Advance(written);
    }
}
