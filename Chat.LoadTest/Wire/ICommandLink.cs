using System.Text.Json;

namespace Chat.LoadTest.Wire;

/// <summary>How a client speaks with the platform.</summary>
internal enum LinkKind
{
    WebSocket,
    SignalR,
}

/// <summary>A connection that takes commands and brings answers and events: the same ones over every transport.</summary>
internal interface ICommandLink : IDisposable
{
    /// <summary>Unique in the run.</summary>
    int Number { get; }

    Route Route { get; }

    /// <summary>Asks for a sign of life: an answer of any kind is one.</summary>
    Task ProbeAsync(int id);

    /// <param name="command">What is asked for.</param>
    /// <param name="id">Comes back with the answer.</param>
    /// <param name="beforeFirstByte">Called in the order in which commands leave.</param>
    Task SendAsync(Command command, int id, Action? beforeFirstByte = null);

    /// <summary>What comes next; null when the server closed.</summary>
    Task<Heard?> ReceiveAsync();

    void Abort();
}

/// <summary>Something that the server said.</summary>
/// <param name="Answers">Id of the command that it answers; null for an event, or a mere sign of life, which has no body.</param>
/// <param name="Refusal">The error code of an answer that refuses.</param>
/// <param name="Body">The ack's fields, or the event.</param>
internal readonly record struct Heard(int? Answers, string? Refusal, JsonElement Body)
{
    public bool IsEvent => Answers is null && Body.ValueKind == JsonValueKind.Object;
}
