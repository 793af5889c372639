using System.Buffers;
using System.Text.Json;
using MessagePack;
using MessagePack.Formatters;

namespace Chat.Realtime.Hub;

/// <summary>
/// Between JSON and MessagePack: objects are maps with text keys, whole numbers integers, and what JSON has no form for (binary, extension types)
/// is refused. Nesting is bounded, in both directions, by what the parser of commands takes.
/// </summary>
internal sealed class HubPayloadFormatter : IMessagePackFormatter<HubPayload?>
{
    private const int MaxDepth = 16;

    public void Serialize(ref MessagePackWriter writer, HubPayload? value, MessagePackSerializerOptions options)
    {
        if (value is null)
        {
            writer.WriteNil();
            return;
        }
        using var document = JsonDocument.Parse(value.Utf8);
        Write(ref writer, document.RootElement);
    }

    public HubPayload? Deserialize(ref MessagePackReader reader, MessagePackSerializerOptions options)
    {
        if (reader.TryReadNil()) return null;
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer, new JsonWriterOptions { SkipValidation = true })) Read(ref reader, json, MaxDepth);
        return new HubPayload(buffer.WrittenMemory);
    }

    private static void Write(ref MessagePackWriter writer, JsonElement value)
    {
        switch (value.ValueKind)
        {
            case JsonValueKind.Object:
                writer.WriteMapHeader(value.GetPropertyCount());
                foreach (var property in value.EnumerateObject())
                {
                    writer.Write(property.Name);
                    Write(ref writer, property.Value);
                }
                break;
            case JsonValueKind.Array:
                writer.WriteArrayHeader(value.GetArrayLength());
                foreach (var item in value.EnumerateArray()) Write(ref writer, item);
                break;
            case JsonValueKind.String:
                writer.Write(value.GetString());
                break;
            case JsonValueKind.Number when value.TryGetInt64(out var whole):
                writer.Write(whole);
                break;
            case JsonValueKind.Number:
                writer.Write(value.GetDouble());
                break;
            case JsonValueKind.True or JsonValueKind.False:
                writer.Write(value.GetBoolean());
                break;
            default:
                writer.WriteNil();
                break;
        }
    }

    private static void Read(ref MessagePackReader reader, Utf8JsonWriter json, int depth)
    {
        if (depth == 0) throw new MessagePackSerializationException("The argument is nested too deeply.");
        switch (reader.NextMessagePackType)
        {
            case MessagePackType.Map:
                json.WriteStartObject();
                for (var left = reader.ReadMapHeader(); left > 0; left--)
                {
                    json.WritePropertyName(reader.ReadString() ?? throw new MessagePackSerializationException("A key is nil."));
                    Read(ref reader, json, depth - 1);
                }
                json.WriteEndObject();
                break;
            case MessagePackType.Array:
                json.WriteStartArray();
                for (var left = reader.ReadArrayHeader(); left > 0; left--) Read(ref reader, json, depth - 1);
                json.WriteEndArray();
                break;
            case MessagePackType.String:
                json.WriteStringValue(reader.ReadString());
                break;
            case MessagePackType.Integer:
                if (reader.NextCode == MessagePackCode.UInt64) json.WriteNumberValue(reader.ReadUInt64());
                else json.WriteNumberValue(reader.ReadInt64());
                break;
            case MessagePackType.Float:
                var number = reader.ReadDouble();
                if (!double.IsFinite(number)) throw new MessagePackSerializationException("A number is not finite.");
                json.WriteNumberValue(number);
                break;
            case MessagePackType.Boolean:
                json.WriteBooleanValue(reader.ReadBoolean());
                break;
            case MessagePackType.Nil:
                reader.ReadNil();
                json.WriteNullValue();
                break;
            default:
                throw new MessagePackSerializationException($"The argument holds a value of type {reader.NextMessagePackType}, which JSON does not have.");
        }
    }
}
