using System.Buffers.Text;
using System.Text;

namespace Chat.Contracts;

/// <summary>
/// An event with its position. <see cref="Body"/> is the envelope as it stands in the log (a JSON object without <c>seq</c> and
/// <c>epoch</c>); the delivered bytes put the position in front, so every process makes the same bytes from the same body.
/// </summary>
/// <param name="Seq">Position in the room, ≥ 1.</param>
/// <param name="Epoch">Epoch of the position.</param>
/// <param name="Body">UTF-8 JSON object without seq and epoch.</param>
public readonly record struct NumberedEvent(long Seq, int Epoch, ReadOnlyMemory<byte> Body)
{
    // {"seq":9007199254740991,"epoch":"2147483647", : 16 + 10 digits and the fixed text.
    private const int MaxPrefix = 64;

    /// <summary>The envelope with seq and epoch, as it is delivered and stands in history.</summary>
    public byte[] ToDelivered()
    {
        Span<byte> prefix = stackalloc byte[MaxPrefix];
        var length = WritePrefix(prefix);
        var result = new byte[length + Body.Length - 1];
        prefix[..length].CopyTo(result);
        Body.Span[1..].CopyTo(result.AsSpan(length));
        return result;
    }

    /// <summary>Room that <see cref="WriteDelivered"/> needs.</summary>
    public int MaxDeliveredLength => MaxPrefix + Body.Length;

    /// <summary>Writes what <see cref="ToDelivered"/> makes; returns its length.</summary>
    public int WriteDelivered(Span<byte> target)
    {
        var length = WritePrefix(target);
        Body.Span[1..].CopyTo(target[length..]);
        return length + Body.Length - 1;
    }

    private int WritePrefix(Span<byte> target)
    {
        "{\"seq\":"u8.CopyTo(target);
        var at = 7;
        Utf8Formatter.TryFormat(Seq, target[at..], out var written);
        at += written;
        ",\"epoch\":\""u8.CopyTo(target[at..]);
        at += 10;
        Utf8Formatter.TryFormat(Epoch, target[at..], out written);
        at += written;
        "\","u8.CopyTo(target[at..]);
        return at + 2;
    }

    /// <inheritdoc/>
    public override string ToString() => Encoding.UTF8.GetString(ToDelivered());
}
