using System.Text.Json;
using Chat.LoadTest.Recording;

namespace Chat.LoadTest.Wire;

/// <summary>Reads events from what the server sends, with the bytes as they came.</summary>
internal static class EventReading
{
    public static string Text(this JsonElement json, string name) =>
        json.TextOrNull(name) ?? throw new FormatException($"The server left out {name}: {json.GetRawText()}");

    public static string? TextOrNull(this JsonElement json, string name) => json.TryGetProperty(name, out var value) ? value.GetString() : null;

    public static long? NumberOrNull(this JsonElement json, string name) => json.TryGetProperty(name, out var value) ? value.GetInt64() : null;

    public static EventSight Sight(this JsonElement json) =>
        new(json.GetProperty("seq").GetInt64(), json.Text("epoch"), json.Text("event_id"), Print.Of(json.GetRawText()));

    public static StoredEvent Stored(this JsonElement json, string roomId) => Stored(json, roomId, json.Sight());

    public static StoredEvent Stored(this JsonElement body, string roomId, EventSight sight) => new(
        roomId, sight.Seq, sight.Epoch, sight.EventId, body.Text("event_type"), body.Text("sender_id"),
        body.TextOrNull("client_id"), body.TextOrNull("content"), sight.Print);
}
