using System.Text;
using System.Text.Json;
using Chat.LoadTest.Recording;

namespace Chat.LoadTest.Wire;

/// <summary>Reads events from what the server sends, with a print of the bytes as they came.</summary>
internal static class EventReading
{
    private static readonly HashSet<string> Changing = ["content", "edited_at", "deleted_at", "reactions", "replies"];

    public static string Text(this JsonElement json, string name) =>
        json.TextOrNull(name) ?? throw new FormatException($"The server left out {name}: {json.GetRawText()}");

    public static string? TextOrNull(this JsonElement json, string name) => json.TryGetProperty(name, out var value) ? value.GetString() : null;

    public static long? NumberOrNull(this JsonElement json, string name) => json.TryGetProperty(name, out var value) ? value.GetInt64() : null;

    public static EventSight Sight(this JsonElement json) => new(
        json.GetProperty("seq").GetInt64(), json.Text("epoch"), json.Text("event_id"), FixedPrint(json),
        new Face(json.TextOrNull("content"), json.TextOrNull("edited_at"), json.TextOrNull("deleted_at")));

    public static StoredEvent Stored(this JsonElement json, string roomId)
    {
        var sight = json.Sight();
        return new StoredEvent(
            roomId, sight.Seq, sight.Epoch, sight.EventId, json.Text("event_type"), json.Text("sender_id"),
            json.TextOrNull("client_id"), json.TextOrNull("content"), sight.Print)
        {
            TargetId = json.TextOrNull("target_id"),
            Timestamp = json.TextOrNull("timestamp"),
            EditedAt = json.TextOrNull("edited_at"),
            DeletedAt = json.TextOrNull("deleted_at"),
            Reactions = json.TryGetProperty("reactions", out var reactions) ? [.. reactions.EnumerateArray().Select(Reaction)] : null,
        };
    }

    private static ReactionSeen Reaction(JsonElement json) => new(
        json.Text("content"), json.GetProperty("count").GetInt32(), json.GetProperty("me").GetBoolean(),
        [.. json.GetProperty("user_ids").EnumerateArray().Select(id => id.GetString() ?? "")]);

    // Every field with its bytes and in its order, without those that change when an event is read again.
    private static Print FixedPrint(JsonElement json)
    {
        var text = new StringBuilder();
        foreach (var field in json.EnumerateObject())
        {
            if (!Changing.Contains(field.Name)) text.Append(field.Name).Append(':').Append(field.Value.GetRawText()).Append('\n');
        }
        return Print.Of(text.ToString());
    }
}
