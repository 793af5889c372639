using System.Runtime.InteropServices;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Chat.Realtime.Hub;

/// <summary>
/// One object of the protocol as UTF-8 JSON, the form in which the node has it: an envelope, an ack's fields, or a command's. Both hub protocols
/// carry it as an object of their own: JSON as it is, MessagePack as a map (<see cref="HubPayloadFormatter"/>).
/// </summary>
[JsonConverter(typeof(HubPayloadConverter))]
internal sealed class HubPayload(ReadOnlyMemory<byte> utf8)
{
    public ReadOnlyMemory<byte> Utf8 { get; } = utf8;
}

/// <summary>JSON in JSON, without a second encoding.</summary>
internal sealed class HubPayloadConverter : JsonConverter<HubPayload>
{
    public override HubPayload Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
    {
        using var document = JsonDocument.ParseValue(ref reader);
        return new HubPayload(JsonMarshal.GetRawUtf8Value(document.RootElement).ToArray());
    }

    public override void Write(Utf8JsonWriter writer, HubPayload value, JsonSerializerOptions options) =>
        writer.WriteRawValue(value.Utf8.Span, skipInputValidation: true);
}
