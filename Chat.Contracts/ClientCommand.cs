using System.Text.Json;

namespace Chat.Contracts;

/// <summary>One command as a client writes it: the union of all fields, of which each command uses its own.</summary>
public sealed record ClientCommand
{
    /// <summary>One of <see cref="CommandTypes"/>.</summary>
    public required string EventType { get; init; }
    /// <summary>The client's number or string; with it, the command gets exactly one reply.</summary>
    public JsonElement? Id { get; init; }
    public string? RoomId { get; init; }
    public string? UserId { get; init; }
    public string? Content { get; init; }
    public string? ContentType { get; init; }
    public string? ClientId { get; init; }
    public string? ReplyTo { get; init; }
    public string? TargetId { get; init; }
    /// <summary>Of <c>data_update</c>: live only.</summary>
    public bool? Ephemeral { get; init; }
    /// <summary>Of <c>react</c>: takes the reaction back.</summary>
    public bool? Remove { get; init; }
    /// <summary>Of <c>history</c>: with reactions and replies.</summary>
    public bool? State { get; init; }
    public IReadOnlyList<string>? Attachments { get; init; }
    public long? SinceSeq { get; init; }
    public string? Epoch { get; init; }
    public long? BeforeSeq { get; init; }
    public long? AfterSeq { get; init; }
    public int? Limit { get; init; }
    public string? After { get; init; }
    public bool? Active { get; init; }
    public long? Seq { get; init; }
    public bool? MarkUnread { get; init; }
    public string? AccessToken { get; init; }
}
