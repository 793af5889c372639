using System.Text.Json;

namespace Chat.Client.Connecting;

/// <summary>Tells what a frame is before it is read as an event or as a reply.</summary>
internal static class ServerFrame
{
    /// <summary>The <c>event_type</c> of a frame.</summary>
    /// <exception cref="JsonException">Not a JSON object with a textual <c>event_type</c>.</exception>
    public static string TypeOf(ReadOnlySpan<byte> text)
    {
        var reader = new Utf8JsonReader(text);
        reader.Read();
        if (reader.TokenType == JsonTokenType.StartObject)
        {
            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                var found = reader.ValueTextEquals("event_type"u8);
                reader.Read();
                if (found && reader.TokenType == JsonTokenType.String) return reader.GetString()!;
                reader.Skip();
            }
        }
        throw new JsonException("A frame without event_type.");
    }
}
