using System.Text;
using Chat.Realtime.Transport;

namespace Chat.Tests.Transport;

/// <summary>What a <see cref="FrameReader"/> makes of bytes that come in given pieces.</summary>
internal static class FrameReading
{
    /// <summary>One line per frame; a violation is the last.</summary>
    public static List<string> Read(ReadOnlySpan<byte> bytes, Func<int> nextPiece)
    {
        var reader = new FrameReader();
        var seen = new List<string>();
        while (!bytes.IsEmpty)
        {
            var length = Math.Min(nextPiece(), bytes.Length);
            Span<byte> piece = bytes[..length].ToArray(); // it is unmasked in place
            bytes = bytes[length..];
            while (reader.TryRead(ref piece, out var frame))
            {
                seen.Add(frame.Kind switch
                {
                    IncomingKind.Violation => $"Violation {frame.Code}",
                    IncomingKind.Close => $"Close {frame.Code} {Convert.ToHexString(frame.Payload)}",
                    IncomingKind.Text => $"Text {Encoding.UTF8.GetString(frame.Payload)}",
                    _ => $"{frame.Kind} {Convert.ToHexString(frame.Payload)}",
                });
                if (frame.Kind is not (IncomingKind.Violation or IncomingKind.Close)) continue;
                reader.Release();
                return seen;
            }
        }
        reader.Release();
        return seen;
    }

    public static List<string> ReadWhole(ReadOnlySpan<byte> bytes) => Read(bytes, () => int.MaxValue);
}
