using Chat.Contracts;
using Chat.LoadTest.Recording;
using Chat.LoadTest.Wire;

namespace Chat.LoadTest.Traffic;

/// <summary>One event that a writer wants in a room once.</summary>
/// <param name="Key">Sender, room, client_id.</param>
/// <param name="Content">What it says; null for a deletion.</param>
/// <param name="PeerId">Set for a direct message.</param>
internal sealed record Operation(OperationKey Key, string? Content, string? PeerId)
{
    private static readonly HashSet<string> Passing = [ErrorCodes.Unavailable, ErrorCodes.RateLimited, ErrorCodes.Internal];

    /// <summary>One of the durable <see cref="EventTypes"/>.</summary>
    public string EventType { get; init; } = EventTypes.ChatMessage;

    /// <summary>The event that a change is about.</summary>
    public string? TargetId { get; init; }

    public Wish Wish => new(EventType, Content, TargetId);

    public Command Command => PeerId is not null
        ? new(CommandTypes.DirectMessage, ("user_id", PeerId), ("content", Content), ("client_id", Key.ClientId))
        : new(CommandTypeOf(EventType), ("room_id", Key.RoomId), ("target_id", TargetId), ("content", Content), ("client_id", Key.ClientId),
            ("remove", EventType == EventTypes.ReactionRemoved ? true : null));

    public static SendOutcome OutcomeOf(string code) => Passing.Contains(code) ? SendOutcome.Repeat : SendOutcome.Refused;

    private static string CommandTypeOf(string eventType) => eventType switch
    {
        EventTypes.ChatMessage => CommandTypes.ChatMessage,
        EventTypes.MessageEdited => CommandTypes.EditMessage,
        EventTypes.MessageDeleted => CommandTypes.DeleteMessage,
        EventTypes.ReactionAdded or EventTypes.ReactionRemoved => CommandTypes.React,
        EventTypes.DataUpdate => CommandTypes.DataUpdate,
        _ => throw new InvalidOperationException($"No command makes a {eventType}."),
    };
}
