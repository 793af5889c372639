namespace Chat.Realtime.Access;

/// <summary>What a user is to a room, from the versioned copy of Postgres.</summary>
/// <param name="Kind">One of <see cref="Chat.Contracts.Api.RoomKinds"/>.</param>
/// <param name="Role">One of <see cref="Chat.Contracts.Api.Roles"/>; null for an outsider of a public room.</param>
/// <param name="AccessVersion">Version of the room's membership that this was read at.</param>
/// <param name="CreatedEpoch">Epoch in which the room was created; numbering needs it.</param>
/// <param name="Participants">The two user ids of a direct room; null in other rooms.</param>
public sealed record RoomStanding(string RoomId, string Kind, string? Role, long AccessVersion, int CreatedEpoch, IReadOnlyList<string>? Participants)
{
    public bool IsMember => Role is not null;
}
