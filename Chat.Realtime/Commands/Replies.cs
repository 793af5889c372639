using System.Buffers;
using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using Chat.Contracts;
using Chat.Contracts.Api;
using Chat.Data.History;
using Chat.Realtime.Connections;
using Chat.Realtime.Presence;
using Chat.Realtime.Publishing;

namespace Chat.Realtime.Commands;

/// <summary>The frames that a connection itself gets: replies, welcome, reconnect. Stored events are spliced in as the bytes that they are.</summary>
internal static class Replies
{
    private static readonly JsonWriterOptions Options = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, SkipValidation = true };

    public static ReadOnlyMemory<byte> Welcome(Connection connection, string nodeId, DateTimeOffset now) =>
        JsonSerializer.SerializeToUtf8Bytes(new ChatEvent
        {
            EventType = EventTypes.Welcome,
            Protocol = ProtocolLimits.SubProtocol,
            UserId = connection.User.UserId,
            UserName = connection.User.UserName,
            ConnectionId = connection.Id,
            NodeId = nodeId,
            HeartbeatMs = ProtocolLimits.HeartbeatMs,
            MaxMessageBytes = ProtocolLimits.MaxMessageBytes,
            SessionExpiresAt = connection.User.ExpiresAt,
            Timestamp = now,
        }, ChatJson.Wire.ChatEvent);

    public static ReadOnlyMemory<byte> Reconnect(int afterMs) =>
        JsonSerializer.SerializeToUtf8Bytes(new ChatEvent { EventType = EventTypes.Reconnect, AfterMs = afterMs }, ChatJson.Wire.ChatEvent);

    public static ReadOnlyMemory<byte> Error(ReadOnlyMemory<byte> id, string code, string message, int? retryAfterMs = null) =>
        Write(EventTypes.Error, id, json =>
        {
            json.WriteString("code"u8, code);
            json.WriteString("message"u8, message);
            if (retryAfterMs is { } wait) json.WriteNumber("retry_after_ms"u8, wait);
        });

    public static ReadOnlyMemory<byte> Pong(ReadOnlyMemory<byte> id, DateTimeOffset now) =>
        Write(EventTypes.Pong, id, json => WriteTime(json, "timestamp"u8, now));

    /// <summary>An ack that carries the room alone, or nothing.</summary>
    public static ReadOnlyMemory<byte> Ack(ReadOnlyMemory<byte> id, string? roomId = null) =>
        Write(EventTypes.Ack, id, json => { if (roomId is not null) json.WriteString("room_id"u8, roomId); });

    public static ReadOnlyMemory<byte> Sent(ReadOnlyMemory<byte> id, SendReceipt receipt) =>
        Write(EventTypes.Ack, id, json =>
        {
            json.WriteString("room_id"u8, receipt.RoomId);
            if (receipt.ClientId is not null) json.WriteString("client_id"u8, receipt.ClientId);
            json.WriteString("event_id"u8, receipt.EventId);
            json.WriteNumber("seq"u8, receipt.Seq);
            json.WriteString("epoch"u8, receipt.Epoch);
            WriteTime(json, "timestamp"u8, receipt.Timestamp);
        });

    /// <summary>The ack of an event that has no number, and therefore no epoch.</summary>
    public static ReadOnlyMemory<byte> SentLive(ReadOnlyMemory<byte> id, LiveReceipt receipt) =>
        Write(EventTypes.Ack, id, json =>
        {
            json.WriteString("room_id"u8, receipt.RoomId);
            if (receipt.ClientId is not null) json.WriteString("client_id"u8, receipt.ClientId);
            json.WriteString("event_id"u8, receipt.EventId);
            WriteTime(json, "timestamp"u8, receipt.Timestamp);
        });

    /// <summary>The ack of <c>subscribe</c>; null events when the gap could not be closed.</summary>
    public static ReadOnlyMemory<byte> Subscribed(ReadOnlyMemory<byte> id, string roomId, RoomBounds bounds, IReadOnlyList<NumberedEvent>? events) =>
        Write(EventTypes.Ack, id, json =>
        {
            json.WriteString("room_id"u8, roomId);
            json.WriteString("epoch"u8, bounds.Epoch.ToString(CultureInfo.InvariantCulture));
            json.WriteNumber("head_seq"u8, bounds.HeadSeq);
            json.WriteNumber("first_seq"u8, bounds.FirstSeq);
            json.WriteBoolean("recovered"u8, events is not null);
            json.WriteStartArray("events"u8);
            foreach (var numbered in events ?? []) json.WriteRawValue(numbered.ToDelivered(), skipInputValidation: true);
            json.WriteEndArray();
        });

    public static ReadOnlyMemory<byte> History(ReadOnlyMemory<byte> id, string roomId, HistorySlice slice) =>
        Write(EventTypes.Ack, id, json =>
        {
            json.WriteString("room_id"u8, roomId);
            json.WriteStartArray("events"u8);
            foreach (var envelope in slice.Events) json.WriteRawValue(envelope.Span, skipInputValidation: true);
            json.WriteEndArray();
            json.WriteNumber("head_seq"u8, slice.HeadSeq);
            json.WriteBoolean("has_more"u8, slice.HasMore);
        });

    public static ReadOnlyMemory<byte> Presence(ReadOnlyMemory<byte> id, string roomId, PresencePage page) =>
        Write(EventTypes.Ack, id, json =>
        {
            json.WriteString("room_id"u8, roomId);
            json.WriteNumber("count"u8, page.Count);
            json.WriteStartArray("users"u8);
            foreach (var user in page.Users)
            {
                json.WriteStartObject();
                json.WriteString("user_id"u8, user.UserId);
                json.WriteString("user_name"u8, user.UserName);
                json.WriteString("status"u8, user.Status);
                if (user.LastSeen is { } seen) WriteTime(json, "last_seen"u8, seen);
                json.WriteEndObject();
            }
            json.WriteEndArray();
            json.WriteBoolean("has_more"u8, page.HasMore);
        });

    public static ReadOnlyMemory<byte> Read(ReadOnlyMemory<byte> id, ReadReceipt receipt) =>
        Write(EventTypes.Ack, id, json =>
        {
            json.WriteString("room_id"u8, receipt.RoomId);
            json.WriteNumber("seq"u8, receipt.Seq);
            json.WriteNumber("unread"u8, receipt.Unread);
        });

    public static ReadOnlyMemory<byte> Authenticated(ReadOnlyMemory<byte> id, DateTimeOffset expiresAt) =>
        Write(EventTypes.Ack, id, json => WriteTime(json, "session_expires_at"u8, expiresAt));

    private static ReadOnlyMemory<byte> Write(string eventType, ReadOnlyMemory<byte> id, Action<Utf8JsonWriter> fields)
    {
        var buffer = new ArrayBufferWriter<byte>(256);
        using (var json = new Utf8JsonWriter(buffer, Options))
        {
            json.WriteStartObject();
            json.WriteString("event_type"u8, eventType);
            if (!id.IsEmpty)
            {
                json.WritePropertyName("id"u8);
                json.WriteRawValue(id.Span, skipInputValidation: true);
            }
            fields(json);
            json.WriteEndObject();
        }
        return buffer.WrittenMemory;
    }

    private static void WriteTime(Utf8JsonWriter json, ReadOnlySpan<byte> name, DateTimeOffset time) =>
        json.WriteString(name, UtcMillisecondsConverter.ToText(time));
}
