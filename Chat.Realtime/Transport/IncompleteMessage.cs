using System.Buffers;
using System.Text;
using System.Text.Unicode;
using Chat.Contracts;

namespace Chat.Realtime.Transport;

/// <summary>A text message that has arrived in part, in a pooled buffer. Its UTF-8 is checked as far as it goes, so that it fails at the first wrong byte.</summary>
internal sealed class IncompleteMessage
{
    private const int FirstBuffer = 4_096;
    private const int LongestSequence = 4;

    private byte[]? _buffer;
    private int _checked; // bytes that are known to be whole characters

    public int Length { get; private set; }

    public ReadOnlySpan<byte> Bytes => _buffer.AsSpan(0, Length);

    /// <summary>Adds bytes; false when the text cannot be UTF-8 any more, or with <paramref name="last"/> is not.</summary>
    public bool TryAppend(ReadOnlySpan<byte> bytes, bool last)
    {
        Reserve(bytes.Length);
        bytes.CopyTo(_buffer.AsSpan(Length));
        Length += bytes.Length;

        var rest = Bytes[_checked..];
        var whole = rest.Length - TailOf(rest);
        if (!Utf8.IsValid(rest[..whole])) return false;
        _checked += whole;
        var tail = rest[whole..];
        return tail.IsEmpty || (!last && Rune.DecodeFromUtf8(tail, out _, out _) == OperationStatus.NeedMoreData);
    }

    public void Release()
    {
        if (_buffer is not null) ArrayPool<byte>.Shared.Return(_buffer);
        (_buffer, Length, _checked) = (null, 0, 0);
    }

    // The number of bytes at the end that belong to a character of which more is to come.
    private static int TailOf(ReadOnlySpan<byte> text)
    {
        for (var i = 1; i < LongestSequence && i <= text.Length; i++)
        {
            var value = text[^i];
            if ((value & 0xC0) == 0x80) continue;
            var length = value >= 0xF0 ? 4 : value >= 0xE0 ? 3 : value >= 0xC0 ? 2 : 1;
            return length > i ? i : 0;
        }
        return 0;
    }

    private void Reserve(int more)
    {
        var needed = Length + more;
        if (_buffer is not null && needed <= _buffer.Length) return;
        var larger = ArrayPool<byte>.Shared.Rent(Math.Max(Math.Max(needed, FirstBuffer), Math.Min((_buffer?.Length ?? 0) * 4, ProtocolLimits.MaxMessageBytes)));
        Bytes.CopyTo(larger);
        if (_buffer is not null) ArrayPool<byte>.Shared.Return(_buffer);
        _buffer = larger;
    }
}
