using System.Text.Json;
using System.Text.Json.Serialization;

namespace Chat.Contracts;

/// <summary>
/// The envelope: every event on every transport, in the log (there without <see cref="Seq"/> and <see cref="Epoch"/>),
/// in the database and in history is this object. A field that does not apply is left out, never <c>null</c>.
/// </summary>
public sealed record ChatEvent
{
    public required string EventType { get; init; }
    /// <summary>UUID, assigned by the platform; see <see cref="Contracts.EventId"/>.</summary>
    public string? EventId { get; init; }
    public string? RoomId { get; init; }
    public string? SenderId { get; init; }
    public string? SenderName { get; init; }
    /// <summary>Position in the room, ≥ 1; absent on ephemeral events and in the log.</summary>
    public long? Seq { get; init; }
    public string? Epoch { get; init; }
    public string? Content { get; init; }
    /// <summary>Left out when <c>text/plain</c>.</summary>
    public string? ContentType { get; init; }
    /// <summary>When the platform accepted it, UTC, milliseconds.</summary>
    public DateTimeOffset? Timestamp { get; init; }
    public string? ClientId { get; init; }
    public string? ReplyTo { get; init; }
    public string? TargetId { get; init; }
    public IReadOnlyList<Attachment>? Attachments { get; init; }
    public IReadOnlyList<string>? Mentions { get; init; }
    public string? ActorId { get; init; }
    public DateTimeOffset? EditedAt { get; init; }
    public DateTimeOffset? DeletedAt { get; init; }

    // Of a message that was asked for with its state.
    public IReadOnlyList<Reaction>? Reactions { get; init; }
    public ReplySummary? Replies { get; init; }

    // Of single ephemeral event types.
    public bool? Active { get; init; }
    public string? Status { get; init; }
    public DateTimeOffset? LastSeen { get; init; }
    public long? ReadSeq { get; init; }
    public long? HeadSeq { get; init; }
    public string? Reason { get; init; }
    public string? Kind { get; init; }
    public string? Title { get; init; }
    public JsonElement? Data { get; init; }

    // Of the connection itself: welcome, reconnect.
    public string? Protocol { get; init; }
    public string? UserId { get; init; }
    public string? UserName { get; init; }
    public string? ConnectionId { get; init; }
    public string? NodeId { get; init; }
    public int? HeartbeatMs { get; init; }
    public int? MaxMessageBytes { get; init; }
    public DateTimeOffset? SessionExpiresAt { get; init; }
    public int? AfterMs { get; init; }
}

/// <summary>A file of a message.</summary>
public sealed record Attachment(
    string MediaId, string Url, string Name, string ContentType, long Size,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] int? Width = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] int? Height = null);

/// <summary>One emoji on a message: how many users chose it, whether the reader did, and the first of them.</summary>
public sealed record Reaction(string Content, int Count, bool Me, IReadOnlyList<string> UserIds);

/// <summary>The messages that answer a message: how many, when the last one came, and who answered last.</summary>
public sealed record ReplySummary(
    int Count, [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] DateTimeOffset? LastAt, IReadOnlyList<string> UserIds);

/// <summary>Values of <c>kind</c> in <c>notification</c>.</summary>
public static class NotificationKinds
{
    public const string Mention = "mention";
    public const string Direct = "direct";
    public const string Invitation = "invitation";
}

/// <summary>Values of <c>status</c> in <c>presence</c>.</summary>
public static class PresenceStatus
{
    public const string Online = "online";
    public const string Away = "away";
    public const string Offline = "offline";
}
