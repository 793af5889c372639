using System.Globalization;
using System.Text.Json;
using Chat.Contracts;

namespace Chat.Realtime.Fanout;

/// <summary>Reads from and makes encoded envelopes without a detour over objects where the path is hot.</summary>
internal static class Envelopes
{
    private const int TimestampLength = 24; // 2026-11-24T09:31:07.123Z

    /// <summary>The timestamp of an envelope in Unix milliseconds; 0 when it has none.</summary>
    public static long TimestampOf(ReadOnlySpan<byte> envelope)
    {
        // These bytes cannot stand inside a JSON string: a quote in it is escaped.
        var name = "\"timestamp\":\""u8;
        var at = envelope.IndexOf(name);
        if (at < 0 || envelope.Length < at + name.Length + TimestampLength) return 0;
        Span<char> text = stackalloc char[TimestampLength];
        System.Text.Encoding.Latin1.GetChars(envelope.Slice(at + name.Length, TimestampLength), text);
        return DateTimeOffset.TryParseExact(text, "yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var time)
            ? time.ToUnixTimeMilliseconds()
            : 0;
    }

    /// <summary>Type and room of an ephemeral envelope; null where it has none.</summary>
    public static (string? EventType, string? RoomId) HeadOf(ReadOnlySpan<byte> envelope)
    {
        string? eventType = null, roomId = null;
        var reader = new Utf8JsonReader(envelope);
        reader.Read();
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var isType = reader.ValueTextEquals("event_type"u8);
            var isRoom = reader.ValueTextEquals("room_id"u8);
            reader.Read();
            if (isType) eventType = reader.GetString();
            else if (isRoom) roomId = reader.GetString();
            else reader.Skip();
        }
        return (eventType, roomId);
    }

    public static byte[] Resync(string roomId, int epoch, long headSeq, DateTimeOffset now) =>
        JsonSerializer.SerializeToUtf8Bytes(new ChatEvent
        {
            EventType = EventTypes.Resync,
            EventId = Contracts.EventId.New(now).ToString(),
            RoomId = roomId,
            Epoch = epoch.ToString(CultureInfo.InvariantCulture),
            HeadSeq = headSeq,
            Timestamp = now,
        }, ChatJson.Wire.ChatEvent);
}
