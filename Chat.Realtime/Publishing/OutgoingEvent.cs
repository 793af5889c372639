using Chat.Contracts;

namespace Chat.Realtime.Publishing;

/// <summary>A durable event before it has a number: the envelope and what numbering needs beside it.</summary>
/// <param name="Envelope">Without seq and epoch; <see cref="ChatEvent.EventId"/>, <see cref="ChatEvent.RoomId"/> and <see cref="ChatEvent.Timestamp"/> are set.</param>
/// <param name="OtherIds">Ids of the same client_id on the neighbouring UTC days.</param>
/// <param name="AccessVersion">Access version that the event brings; 0 when it changes nothing.</param>
/// <param name="CreatedEpoch">Epoch in which the room was created.</param>
/// <param name="Participants">The two users of a direct room; null in other rooms.</param>
public sealed record OutgoingEvent(ChatEvent Envelope, IReadOnlyList<Guid> OtherIds, long AccessVersion, int CreatedEpoch, IReadOnlyList<string>? Participants)
{
    /// <summary>The epoch that was current before its ids were found unknown (<see cref="EventPublisher.Epoch"/>); in a later one Postgres is asked again. 0 is always right.</summary>
    public int UnknownIn { get; init; }
}
