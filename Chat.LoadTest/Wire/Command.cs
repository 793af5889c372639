using System.Text.Json;

namespace Chat.LoadTest.Wire;

/// <summary>A command of the protocol by its <c>event_type</c>; a field that is null is left out.</summary>
internal sealed class Command(string eventType, params (string Name, object? Value)[] fields)
{
    public string EventType { get; } = eventType;

    /// <summary>As one object, with what the transport adds in front.</summary>
    public string ToJson(params (string Name, object? Value)[] added) =>
        JsonSerializer.Serialize(added.Concat(fields).Where(field => field.Value is not null).ToDictionary(field => field.Name, field => field.Value));
}
