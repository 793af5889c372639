using System.Text;

namespace Chat.LocalHosting.Processes;

/// <summary>Splits a child's output into lines, of which none grows without bound: what is longer is cut into several.</summary>
internal static class LineReader
{
    public const int MaxLineChars = 16 * 1024;

    public static async Task ReadAsync(StreamReader reader, Action<string> onLine)
    {
        var line = new StringBuilder();
        var buffer = new char[4096];
        try
        {
            while (await reader.ReadAsync(buffer.AsMemory()) is > 0 and var count)
                Split(buffer.AsSpan(0, count), line, onLine);
        }
        catch (ObjectDisposedException)
        {
            // The child was disposed while something that it had started still held the pipe open: nobody asks for the rest.
        }
        if (line.Length > 0)
            onLine(line.ToString());
    }

    private static void Split(ReadOnlySpan<char> text, StringBuilder line, Action<string> onLine)
    {
        foreach (var c in text)
        {
            if (c == '\n' || line.Length == MaxLineChars)
            {
                onLine(line.ToString());
                line.Clear();
            }
            if (c is not '\n' and not '\r')
                line.Append(c);
        }
    }
}
