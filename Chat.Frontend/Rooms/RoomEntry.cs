using Chat.Contracts;
using Chat.Contracts.Api;

namespace Chat.Frontend.Rooms;

/// <summary>A room in the sidebar. Its unread number is the platform's, counted on by live messages; it is never worked out from a timeline.</summary>
public sealed record RoomEntry
{
    public required string RoomId { get; init; }
    public required string Name { get; init; }
    public required string Kind { get; init; }
    public string? Topic { get; init; }
    public string? Role { get; init; }
    public Peer? Peer { get; init; }
    public int? MemberCount { get; init; }
    /// <summary>Time of the newest event when the list was read; null when there was none.</summary>
    public DateTimeOffset? ActiveAt { get; init; }
    public long HeadSeq { get; init; }
    public long ReadSeq { get; init; }
    public int Unread { get; init; }
    public int Mentions { get; init; }

    public bool IsDirect => Kind == RoomKinds.Direct;
    public bool IsPrivate => Kind == RoomKinds.Private;
    public bool MayManage => Role is Roles.Owner or Roles.Moderator && !IsDirect;

    public static RoomEntry From(RoomSummary summary) => new()
    {
        RoomId = summary.RoomId,
        Name = summary.Peer is { } peer ? peer.DisplayName ?? peer.UserName : summary.Name,
        Kind = summary.Kind,
        Topic = string.IsNullOrWhiteSpace(summary.Topic) ? null : summary.Topic,
        Role = summary.Role,
        Peer = summary.Peer,
        MemberCount = summary.MemberCount,
        ActiveAt = summary.LastEvent?.Timestamp,
        HeadSeq = summary.HeadSeq ?? 0,
        ReadSeq = summary.ReadSeq ?? 0,
        Unread = Math.Min(summary.Unread ?? 0, ProtocolLimits.MaxUnread),
        Mentions = summary.Mentions ?? 0,
    };
}
