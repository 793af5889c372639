using System.Buffers;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Chat.Contracts;

namespace Chat.Client.Connecting;

/// <summary>Between the commands and frames of the protocol and the hub's methods, results and exceptions.</summary>
internal static class HubFrames
{
    // SignalR's client puts words of its own before what the server said.
    private const string Marker = "HubException: ";

    public static string MethodOf(ClientCommand command) => command.EventType switch
    {
        CommandTypes.ChatMessage => "SendMessage",
        CommandTypes.DirectMessage => "SendDirectMessage",
        CommandTypes.DataUpdate => "SendDataUpdate",
        CommandTypes.EditMessage => "EditMessage",
        CommandTypes.DeleteMessage => "DeleteMessage",
        CommandTypes.React => "React",
        CommandTypes.Subscribe => "Subscribe",
        CommandTypes.Unsubscribe => "Unsubscribe",
        CommandTypes.History => "GetHistory",
        CommandTypes.Presence => "GetPresence",
        CommandTypes.Typing => "SetTyping",
        CommandTypes.Read => "MarkRead",
        CommandTypes.Authenticate => "Authenticate",
        _ => throw new ArgumentOutOfRangeException(nameof(command), command.EventType, "The hub has no method for it."),
    };

    /// <summary>The fields of a command, without what the call itself says.</summary>
    public static JsonElement ArgumentOf(ClientCommand command)
    {
        var fields = JsonSerializer.SerializeToNode(command with { Id = null }, ChatJson.Wire.ClientCommand)!.AsObject();
        fields.Remove("event_type");
        return JsonElement.Parse(fields.ToJsonString());
    }

    /// <summary>The <c>ack</c> frame of a result.</summary>
    public static ReadOnlyMemory<byte> Ack(JsonElement id, JsonElement fields) => Frame(EventTypes.Ack, id, json =>
    {
        if (fields.ValueKind != JsonValueKind.Object) return;
        foreach (var field in fields.EnumerateObject())
        {
            if (field.Name is not ("event_type" or "id")) field.WriteTo(json);
        }
    });

    /// <summary>The <c>error</c> frame of an exception, whose text is <c>… HubException: code: words</c>, or <c>rate_limited: milliseconds</c>.</summary>
    public static ReadOnlyMemory<byte> Error(JsonElement id, string text)
    {
        var start = text.IndexOf(Marker, StringComparison.Ordinal);
        var said = start < 0 ? text : text[(start + Marker.Length)..];
        var colon = said.IndexOf(": ", StringComparison.Ordinal);
        var (code, message) = colon < 0 ? (ErrorCodes.Internal, said) : (said[..colon], said[(colon + 2)..]);
        return Frame(EventTypes.Error, id, json =>
        {
            json.WriteString("code", code);
            json.WriteString("message", message);
            if (code == ErrorCodes.RateLimited && int.TryParse(message, NumberStyles.None, CultureInfo.InvariantCulture, out var wait))
                json.WriteNumber("retry_after_ms", wait);
        });
    }

    private static ReadOnlyMemory<byte> Frame(string type, JsonElement id, Action<Utf8JsonWriter> writeFields)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            json.WriteString("event_type", type);
            json.WritePropertyName("id");
            id.WriteTo(json);
            writeFields(json);
            json.WriteEndObject();
        }
        return buffer.WrittenMemory;
    }
}

/// <summary>How the server closed a hub connection: SignalR has no close codes, so the text begins with the code.</summary>
internal sealed partial record HubClose(int? Code, string? Text)
{
    // SignalR's client fails calls under way with the same exception as the connection, and only its words tell a close from a refusal.
    private const string Closing = "The server closed the connection";

    /// <summary>True when <paramref name="text"/> is about the connection, not about one call.</summary>
    public static bool IsClose(string text) => text.StartsWith(Closing, StringComparison.Ordinal);

    public static HubClose Of(string? text) =>
        text is not null && Said().Match(text) is { Success: true } said
            ? new HubClose(int.Parse(said.Groups["code"].ValueSpan, CultureInfo.InvariantCulture), said.Groups["text"].Value)
            : new HubClose(null, null);

    [System.Text.RegularExpressions.GeneratedRegex(@"\b(?<code>1\d{3}|4\d{3}): (?<text>.*)")]
    private static partial System.Text.RegularExpressions.Regex Said();
}
