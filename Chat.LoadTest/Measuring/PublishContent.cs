using System.Buffers.Text;
using System.Globalization;

namespace Chat.LoadTest.Measuring;

/// <summary>The text of a publish: its number, and filling up to the size that was asked for.</summary>
internal static class PublishContent
{
    public static string Of(int publish, int bytes) => publish.ToString(CultureInfo.InvariantCulture).PadRight(bytes, '.');

    /// <summary>The number that a text says; -1 when it is none of ours.</summary>
    public static int NumberIn(ReadOnlySpan<byte> content) =>
        Utf8Parser.TryParse(content, out int number, out var digits) && content[digits..].IndexOfAnyExcept((byte)'.') < 0 ? number : -1;
}
