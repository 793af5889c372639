using System.Buffers;
using System.Text;

namespace Chat.Realtime.Fanout.PubSub;

/// <summary>Writes commands as Redis reads them.</summary>
internal static class RespCommand
{
    public static void Write(IBufferWriter<byte> to, params ReadOnlySpan<string> words)
    {
        WriteLength(to, '*', words.Length);
        foreach (var word in words)
        {
            WriteLength(to, '$', Encoding.UTF8.GetByteCount(word));
            Encoding.UTF8.GetBytes(word, to);
            to.Write("\r\n"u8);
        }
    }

    private static void WriteLength(IBufferWriter<byte> to, char sign, int length)
    {
        const int MostBytes = 16; // a sign, ten digits, an end of line
        var line = to.GetSpan(MostBytes);
        line.TryWriteUtf8(sign, length, out var written);
        to.Advance(written);
    }

    private static void TryWriteUtf8(this Span<byte> line, char sign, int length, out int written) =>
        System.Text.Unicode.Utf8.TryWrite(line, $"{sign}{length}\r\n", out written);
}
