using System.Text.Json;

namespace Chat.Contracts;

/// <summary>A reply to a command (<c>ack</c>, <c>error</c>, <c>pong</c>) as a client reads it: the union of all fields.</summary>
public sealed record ServerReply
{
    public required string EventType { get; init; }
    public JsonElement? Id { get; init; }

    // error
    public string? Code { get; init; }
    public string? Message { get; init; }
    public int? RetryAfterMs { get; init; }

    // ack of a send
    public string? RoomId { get; init; }
    public string? ClientId { get; init; }
    public string? EventId { get; init; }
    public long? Seq { get; init; }
    public string? Epoch { get; init; }
    public DateTimeOffset? Timestamp { get; init; }

    // ack of subscribe and history
    public long? HeadSeq { get; init; }
    public long? FirstSeq { get; init; }
    public bool? Recovered { get; init; }
    public IReadOnlyList<ChatEvent>? Events { get; init; }
    public bool? HasMore { get; init; }

    // ack of presence, read, authenticate
    public int? Count { get; init; }
    public IReadOnlyList<PresentUser>? Users { get; init; }
    public int? Unread { get; init; }
    public DateTimeOffset? SessionExpiresAt { get; init; }
}

/// <summary>One member in the answer to <c>presence</c>.</summary>
public sealed record PresentUser(string UserId, string UserName, string Status, DateTimeOffset? LastSeen);
