namespace Chat.Realtime.Commands;

/// <summary>The commands that are built; any other <c>event_type</c> is an unknown command.</summary>
internal enum CommandKind
{
    ChatMessage,
    DirectMessage,
    DataUpdate,
    EditMessage,
    DeleteMessage,
    React,
    Subscribe,
    Unsubscribe,
    History,
    Presence,
    Typing,
    Read,
    Authenticate,
    Ping,
}

/// <summary>
/// One command with all fields that any of them has. Types are right and strings hold neither U+0000 nor unpaired surrogates; what is
/// required and in range, each command says itself.
/// </summary>
internal readonly record struct Command
{
    public CommandKind Kind { get; init; }

    /// <summary>The client's <c>id</c> as it stood in the frame, quotes and all; empty when there was none.</summary>
    public ReadOnlyMemory<byte> Id { get; init; }
    public string? RoomId { get; init; }
    public string? UserId { get; init; }
    public string? Content { get; init; }
    public string? ContentType { get; init; }
    public string? ClientId { get; init; }
    public string? ReplyTo { get; init; }
    public string? TargetId { get; init; }
    public bool? Ephemeral { get; init; }
    public bool? Remove { get; init; }
    public IReadOnlyList<string>? Attachments { get; init; }
    public long? SinceSeq { get; init; }
    public string? Epoch { get; init; }
    public long? BeforeSeq { get; init; }
    public long? AfterSeq { get; init; }
    public long? Limit { get; init; }
    public string? After { get; init; }
    public bool? State { get; init; }
    public bool? Active { get; init; }
    public long? Seq { get; init; }
    public bool? MarkUnread { get; init; }
    public string? AccessToken { get; init; }
}
