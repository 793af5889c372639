namespace Chat.Data.Model;

/// <summary>
/// An event that Postgres decided and the log must tell, written in the deciding transaction. It carries its event id, so it may be sent
/// any number of times and is one event.
/// </summary>
public sealed class OutboxEntry
{
    public required Guid EventId { get; init; }
    public required string RoomId { get; init; }
    /// <summary>The event as JSON, without seq and epoch.</summary>
    public required string Envelope { get; init; }
    /// <summary>Access version of the room that the event brings; 0 when it changes nothing.</summary>
    public required long AccessVersion { get; init; }
    public required int CreatedEpoch { get; init; }
    /// <summary>The two users of a direct room, joined by a line feed; null in other rooms.</summary>
    public string? Participants { get; init; }
    public required DateTimeOffset CreatedAt { get; init; }
    public DateTimeOffset? SentAt { get; set; }
    /// <summary>Until then the process that claimed the entry sends it; afterwards anyone may.</summary>
    public DateTimeOffset? ClaimedUntil { get; set; }
}
