namespace Chat.Contracts.Api;

/// <summary>Kinds of rooms.</summary>
public static class RoomKinds
{
    public const string Public = "public";
    public const string Private = "private";
    public const string Direct = "dm";
}

/// <summary>Roles of members.</summary>
public static class Roles
{
    public const string Owner = "owner";
    public const string Moderator = "moderator";
    public const string Member = "member";

    public static bool IsValid(string? role) => role is Owner or Moderator or Member;
}

/// <summary>What a member is notified of in a room.</summary>
public static class NotifyLevels
{
    public const string All = "all";
    public const string Mentions = "mentions";
    public const string None = "none";

    public static bool IsValid(string? level) => level is All or Mentions or None;
}

/// <summary>Body of <c>PUT /api/rooms/{id}/notify</c>: one of <see cref="NotifyLevels"/>.</summary>
public sealed record NotifyRequest(string? Level);

/// <summary>Body of <c>POST /api/rooms</c>.</summary>
public sealed record CreateRoomRequest(string? RoomId, string? Name, string? Kind, string? Topic = null);

/// <summary>Body of <c>PATCH /api/rooms/{id}</c>: what is left out stays.</summary>
public sealed record RoomChange(string? Name, string? Topic, string? Kind);

/// <summary>Body of <c>POST /api/rooms/direct</c>.</summary>
public sealed record DirectRoomRequest(string? UserId);

/// <summary>Body of <c>POST /api/rooms/{id}/members</c>.</summary>
public sealed record AddMemberRequest(string? UserId, string? Role);

/// <summary>Body of <c>POST /api/rooms/{id}/read</c>.</summary>
public sealed record ReadRequest(long? Seq, bool? MarkUnread = null);

/// <summary>A room as its caller sees it. Fields of membership are left out for rooms that the caller is not in.</summary>
public sealed record RoomSummary
{
    public required string RoomId { get; init; }
    public required string Name { get; init; }
    public string? Topic { get; init; }
    public required string Kind { get; init; }
    public string? Role { get; init; }
    public long? HeadSeq { get; init; }
    public long? ReadSeq { get; init; }
    /// <summary>Chat messages after the read marker, exact to 999.</summary>
    public int? Unread { get; init; }
    /// <summary>Those of the unread ones that mention the caller, exact to 999.</summary>
    public int? Mentions { get; init; }
    public ChatEvent? LastEvent { get; init; }
    /// <summary>One of <see cref="NotifyLevels"/>.</summary>
    public string? Notify { get; init; }
    public Peer? Peer { get; init; }
    public DateTimeOffset? MutedUntil { get; init; }
    public string? Reason { get; init; }
    public int? MemberCount { get; init; }
}

/// <summary>The other one in a direct room.</summary>
public sealed record Peer(string UserId, string UserName, string? DisplayName);

/// <summary>A member of a room.</summary>
public sealed record Member(string UserId, string UserName, string? DisplayName, string Role, DateTimeOffset JoinedAt);

/// <summary>Body of <c>POST /api/rooms/{id}/messages</c>.</summary>
public sealed record SendMessageRequest
{
    public string? Content { get; init; }
    public string? ContentType { get; init; }
    public string? ClientId { get; init; }
    public string? ReplyTo { get; init; }
    public IReadOnlyList<string>? Attachments { get; init; }
}

/// <summary>The ack of a durable event.</summary>
public sealed record SendReceipt(string RoomId, string? ClientId, string EventId, long Seq, string Epoch, DateTimeOffset Timestamp);

/// <summary>A page of history, ascending.</summary>
public sealed record HistoryPage(IReadOnlyList<ChatEvent> Events, long HeadSeq, bool HasMore);

/// <summary>Answer of <c>POST /api/rooms/{id}/read</c>.</summary>
public sealed record ReadReceipt(string RoomId, long Seq, int Unread);

/// <summary>An error as RFC 9457 problem details with a <c>code</c> of <see cref="ErrorCodes"/>.</summary>
public sealed record Problem(string? Type, string? Title, int? Status, string? Detail, string? Code, int? RetryAfterMs);
