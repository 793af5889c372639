using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Unicode;

namespace Chat.Data.Writing;

/// <summary>
/// What may stand in <c>events.body</c>: one JSON object in valid UTF-8 whose strings are text, without U+0000 and unpaired surrogates.
/// Postgres refuses some of the rest outright, and readers of the text would fail over the other part of it later.
/// </summary>
public static class EventText
{
    private static ReadOnlySpan<byte> Replacement => "\\ufffd"u8;

    /// <summary>Why <paramref name="body"/> may not stand there as it is; null when it may.</summary>
    public static string? FindFault(ReadOnlySpan<byte> body)
    {
        if (!Utf8.IsValid(body))
            return "not UTF-8";
        if (!IsObject(body))
            return "not a JSON object";
        return ReplaceEscapes(body, target: null) ? "U+0000 or an unpaired surrogate" : null;
    }

    /// <summary>The nearest text to <paramref name="body"/> that may stand there, with U+FFFD for what may not; null when it is no JSON object even then.</summary>
    public static byte[]? Clean(ReadOnlySpan<byte> body)
    {
        var text = Utf8.IsValid(body) ? body : Encoding.UTF8.GetBytes(Encoding.UTF8.GetString(body));
        var clean = new ArrayBufferWriter<byte>(text.Length);
        ReplaceEscapes(text, clean);
        return IsObject(clean.WrittenSpan) ? clean.WrittenSpan.ToArray() : null;
    }

    private static bool IsObject(ReadOnlySpan<byte> text)
    {
        var reader = new Utf8JsonReader(text);
        try
        {
            if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject)
                return false;
            while (reader.Read())
            {
                // Reading to the end is the check.
            }
            return true;
        }
        catch (JsonException)
        {
            return false;
        }
    }

    /// <summary>Copies <paramref name="text"/> with bad escapes replaced; true when there was one.</summary>
    private static bool ReplaceEscapes(ReadOnlySpan<byte> text, ArrayBufferWriter<byte>? target)
    {
        var found = false;
        while (true)
        {
            // Outside of strings JSON has no backslash, so every one of them starts an escape.
            var at = text.IndexOf((byte)'\\');
            if (at < 0)
            {
                target?.Write(text);
                return found;
            }
            target?.Write(text[..at]);
            text = text[at..];
            var length = text.Length >= 2 && text[1] != 'u' ? 2 : Math.Min(text.Length, 6);
            if (TryReadUnit(text, out var unit))
            {
                if (char.IsHighSurrogate(unit) && TryReadUnit(text[6..], out var low) && char.IsLowSurrogate(low))
                    length = 12;
                else if (unit == 0 || char.IsSurrogate(unit))
                {
                    found = true;
                    target?.Write(Replacement);
                    text = text[length..];
                    continue;
                }
            }
            target?.Write(text[..length]);
            text = text[length..];
        }
    }

    private static bool TryReadUnit(ReadOnlySpan<byte> text, out char unit)
    {
        unit = default;
        if (text.Length < 6 || text[0] != '\\' || text[1] != 'u' || !ushort.TryParse(text[2..6], NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var value))
            return false;
        unit = (char)value;
        return true;
    }
}
