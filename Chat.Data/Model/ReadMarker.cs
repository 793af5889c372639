namespace Chat.Data.Model;

/// <summary>How far a user has read a room. Redis has the newest value; this is its copy, at most a second old.</summary>
public sealed class ReadMarker
{
    public required string UserId { get; init; }
    public required string RoomId { get; init; }
    public long Seq { get; set; }
}
