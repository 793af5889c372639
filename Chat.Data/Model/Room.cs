namespace Chat.Data.Model;

/// <summary>
/// A room. <see cref="AccessVersion"/> rises whenever somebody loses something in it, in the same transaction as the loss.
/// A deleted room keeps its row, so that its id is never given out again.
/// </summary>
public sealed class Room
{
    public required string RoomId { get; init; }
    public required string Name { get; set; }
    public string? Topic { get; set; }
    /// <summary>One of <see cref="Chat.Contracts.Api.RoomKinds"/>.</summary>
    public required string Kind { get; set; }
    public required string CreatedBy { get; init; }
    public required DateTimeOffset CreatedAt { get; init; }
    /// <summary>Epoch in which the room was created: its numbers start at 1 there.</summary>
    public required int CreatedEpoch { get; init; }
    public long AccessVersion { get; set; }
    /// <summary>Newest event in Postgres, 0 when there is none.</summary>
    public long HeadSeq { get; set; }
    /// <summary>Oldest event in Postgres, 0 when there is none.</summary>
    public long FirstSeq { get; set; }
    /// <summary>Epoch of <see cref="HeadSeq"/>.</summary>
    public int PersistedEpoch { get; set; }
    public int MemberCount { get; set; }
    public DateTimeOffset? DeletedAt { get; set; }
}
