using System.Text.Json;

namespace Chat.LoadTest.Wire;

/// <summary>The few fields of a frame that a light client looks at, as they lie in the receive buffer: nothing is allocated.</summary>
internal ref struct EventGlance
{
    public ReadOnlySpan<byte> EventType { get; private set; }

    public ReadOnlySpan<byte> RoomId { get; private set; }

    public ReadOnlySpan<byte> Epoch { get; private set; }

    public ReadOnlySpan<byte> EventId { get; private set; }

    /// <summary>As it is escaped on the wire.</summary>
    public ReadOnlySpan<byte> Content { get; private set; }

    /// <summary>0 on what has none.</summary>
    public long Seq { get; private set; }

    /// <summary>Of an answer; 0 without one.</summary>
    public long Id { get; private set; }

    /// <summary>Of an error.</summary>
    public ReadOnlySpan<byte> Code { get; private set; }

    public static EventGlance At(ReadOnlySpan<byte> frame)
    {
        var json = new Utf8JsonReader(frame);
        json.Read();
        return At(ref json);
    }

    /// <summary>Reads the object at which the reader stands, to its end.</summary>
    public static EventGlance At(scoped ref Utf8JsonReader json)
    {
        var glance = new EventGlance();
        if (json.TokenType != JsonTokenType.StartObject) throw new FormatException("The server sent what is no object.");
        while (json.Read() && json.TokenType == JsonTokenType.PropertyName)
        {
            if (json.ValueTextEquals("event_type"u8)) glance.EventType = Text(ref json);
            else if (json.ValueTextEquals("room_id"u8)) glance.RoomId = Text(ref json);
            else if (json.ValueTextEquals("seq"u8)) glance.Seq = Number(ref json);
            else if (json.ValueTextEquals("epoch"u8)) glance.Epoch = Text(ref json);
            else if (json.ValueTextEquals("event_id"u8)) glance.EventId = Text(ref json);
            else if (json.ValueTextEquals("content"u8)) glance.Content = Text(ref json);
            else if (json.ValueTextEquals("id"u8)) glance.Id = Number(ref json);
            else if (json.ValueTextEquals("code"u8)) glance.Code = Text(ref json);
            else json.Skip();
        }
        return glance;
    }

    private static ReadOnlySpan<byte> Text(scoped ref Utf8JsonReader json)
    {
        json.Read();
        return json.TokenType == JsonTokenType.String ? json.ValueSpan : default;
    }

    private static long Number(scoped ref Utf8JsonReader json)
    {
        json.Read();
        return json.TokenType == JsonTokenType.Number && json.TryGetInt64(out var number) ? number : 0;
    }
}
