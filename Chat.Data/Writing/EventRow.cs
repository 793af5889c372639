using System.Text;
using System.Text.Json;
using Chat.Contracts;
using Chat.Data.History;

namespace Chat.Data.Writing;

/// <summary>A row of <c>events</c>. Every numbered event has one at its seq, whatever its bytes are: a hole would stop all readers of the room.</summary>
public sealed record EventRow(
    string RoomId, long Seq, int Epoch, Guid EventId, string EventType, string SenderId, Guid? TargetId, DateTimeOffset Timestamp, string Body)
{
    /// <summary>The row of an event; its body cleaned when it cannot stand as it is.</summary>
    public static EventRow Create(string roomId, HotEvent hot)
    {
        var body = hot.Event.Body;
        var clean = EventText.FindFault(body.Span) is null ? body : EventText.Clean(body.Span);
        return (clean.IsEmpty ? null : TryParse(roomId, hot, clean))
            ?? new EventRow(roomId, hot.Event.Seq, hot.Event.Epoch, hot.EventId, "", "", null, TimeOf(hot), "").WithoutContent();
    }

    /// <summary>The same position with nothing of the event but its ids: for what Postgres refuses in any other form.</summary>
    public EventRow WithoutContent()
    {
        var envelope = new ChatEvent
        {
            EventType = EventTypes.ChatMessage,
            EventId = EventId.ToString("D"),
            RoomId = RoomId,
            SenderId = "",
            Content = "\ufffd",
            Timestamp = Timestamp,
        };
        return this with
        {
            EventType = envelope.EventType,
            SenderId = "",
            TargetId = null,
            Body = JsonSerializer.Serialize(envelope, ChatJson.Wire.ChatEvent),
        };
    }

    private static EventRow? TryParse(string roomId, HotEvent hot, ReadOnlyMemory<byte> body)
    {
        string? eventType = null, senderId = null;
        Guid? target = null;
        DateTimeOffset? timestamp = null;
        var reader = new Utf8JsonReader(body.Span);
        reader.Read();
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var name = reader.GetString();
            reader.Read();
            if (reader.TokenType == JsonTokenType.String)
            {
                switch (name)
                {
                    case "event_type": eventType = reader.GetString(); break;
                    case "sender_id": senderId = reader.GetString(); break;
                    case "target_id": target = Guid.TryParse(reader.GetString(), out var id) ? id : null; break;
                    case "timestamp": timestamp = reader.TryGetDateTimeOffset(out var time) ? time.ToUniversalTime() : null; break;
                    default: break; // the body keeps the rest
                }
            }
            reader.Skip();
        }
        return string.IsNullOrEmpty(eventType)
            ? null
            : new EventRow(roomId, hot.Event.Seq, hot.Event.Epoch, hot.EventId, eventType, senderId ?? "", target, timestamp ?? TimeOf(hot), Encoding.UTF8.GetString(body.Span));
    }

    private static DateTimeOffset TimeOf(HotEvent hot) =>
        DateTimeOffset.FromUnixTimeMilliseconds(Math.Clamp(hot.TimestampMs, 0, DateTimeOffset.MaxValue.ToUnixTimeMilliseconds()));
}
