using System.Buffers;
using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using Chat.Contracts;
using Microsoft.AspNetCore.SignalR;

namespace Chat.Realtime.Hub;

/// <summary>Turns a hub method's argument into the frame that a WebSocket client would have sent, and the reply's frame into the method's result.</summary>
internal static class HubFrames
{
    private static readonly JsonWriterOptions Options = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, SkipValidation = true };

    /// <summary>The command's frame. Fields that are null count as left out: typed clients send all fields that their type has.</summary>
    /// <exception cref="HubException"><c>bad_request</c>: the argument is no object.</exception>
    public static ReadOnlyMemory<byte> Command(string eventType, long id, HubPayload? argument)
    {
        var buffer = new ArrayBufferWriter<byte>(256);
        using (var json = new Utf8JsonWriter(buffer, Options))
        {
            json.WriteStartObject();
            json.WriteString("event_type"u8, eventType);
            json.WriteNumber("id"u8, id);
            Copy(argument, json);
            json.WriteEndObject();
        }
        return buffer.WrittenMemory;
    }

    /// <summary>The invocation that a reply belongs to, with the ack's fields or the refusal.</summary>
    public static (long Id, HubPayload? Fields, HubException? Refusal) Reply(ReadOnlyMemory<byte> frame)
    {
        using var document = JsonDocument.Parse(frame);
        var reply = document.RootElement;
        var id = reply.TryGetProperty("id"u8, out var given) && given.TryGetInt64(out var number) ? number : 0;
        if (reply.GetProperty("event_type"u8).ValueEquals("error"u8)) return (id, null, RefusalOf(reply));

        var buffer = new ArrayBufferWriter<byte>(frame.Length);
        using (var json = new Utf8JsonWriter(buffer, Options))
        {
            json.WriteStartObject();
            foreach (var field in reply.EnumerateObject().Where(field => !field.NameEquals("event_type"u8) && !field.NameEquals("id"u8))) field.WriteTo(json);
            json.WriteEndObject();
        }
        return (id, new HubPayload(buffer.WrittenMemory), null);
    }

    private static HubException RefusalOf(JsonElement reply)
    {
        var code = reply.GetProperty("code"u8).GetString();
        if (code == ErrorCodes.RateLimited && reply.TryGetProperty("retry_after_ms"u8, out var wait))
            return new HubException($"{code}: {wait.GetInt64().ToString(CultureInfo.InvariantCulture)}");
        return new HubException($"{code}: {reply.GetProperty("message"u8).GetString()}");
    }

    private static void Copy(HubPayload? argument, Utf8JsonWriter json)
    {
        if (argument is null) return;
        using var document = JsonDocument.Parse(argument.Utf8);
        if (document.RootElement.ValueKind != JsonValueKind.Object) throw new HubException($"{ErrorCodes.BadRequest}: The argument must be one object.");
        foreach (var field in document.RootElement.EnumerateObject())
        {
            if (field.Value.ValueKind == JsonValueKind.Null || field.NameEquals("event_type"u8) || field.NameEquals("id"u8)) continue;
            field.WriteTo(json);
        }
    }
}
