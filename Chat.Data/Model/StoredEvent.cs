namespace Chat.Data.Model;

/// <summary>A durable event in history. No foreign keys: what the log holds must be storable whatever became of its room or its sender.</summary>
public sealed class StoredEvent
{
    /// <summary>
    /// True of chat messages that mention somebody; a query that says it in these words uses the index of them. Inside a JSON string a quote is escaped, so
    /// the name with its quotes stands only where the field begins.
    /// </summary>
    public const string MentionsSomebody = "event_type = 'chat_message' and strpos(body, '\"mentions\":[') > 0";

    public required string RoomId { get; init; }
    public required long Seq { get; init; }
    public required int Epoch { get; init; }
    public required Guid EventId { get; init; }
    public required string EventType { get; init; }
    public required string SenderId { get; init; }
    public Guid? TargetId { get; init; }
    /// <summary>The event that a message answers. Postgres takes it out of <see cref="Body"/> itself, so that the two cannot differ.</summary>
    public Guid? ReplyTo { get; private set; }
    public required DateTimeOffset Ts { get; init; }
    /// <summary>The envelope as it stands in the log: without seq and epoch. Text, not jsonb, so that the bytes stay those that were delivered.</summary>
    public required string Body { get; init; }
}
