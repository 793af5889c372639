namespace Chat.Frontend.Timeline;

/// <summary>One row on the screen. Rows compare by value, so that a row that says the same is not rendered again.</summary>
/// <param name="Key">Stays the same for as long as the row means the same thing.</param>
public abstract record TimelineRow(string Key);

/// <summary>The start of a day.</summary>
public sealed record DayRow(string Key, DateOnly Day, string Name) : TimelineRow(Key);

/// <summary>Where the messages begin that were new when the room was opened.</summary>
public sealed record NewRow() : TimelineRow("new");

/// <summary>Something about the room itself, e.g. "Lena Vogt and 2 others joined".</summary>
public sealed record SystemRow(string Key, string Who, int Others, string What, string FullTime) : TimelineRow(Key);

/// <summary>A message, sent or on its way.</summary>
public sealed record MessageRow(string Key) : TimelineRow(Key)
{
    /// <summary>Position in the room; null while it has none.</summary>
    public long? Seq { get; init; }
    public required string SenderId { get; init; }
    public required string SenderName { get; init; }
    public required DateTimeOffset At { get; init; }
    public required string Time { get; init; }
    public required string FullTime { get; init; }
    /// <summary>Sanitised markup.</summary>
    public required string Html { get; init; }
    /// <summary>True for the first of a group, which shows avatar, name and time.</summary>
    public bool First { get; init; }
    public bool Mine { get; init; }
    /// <summary>True when it mentions the reader.</summary>
    public bool Ping { get; init; }
    /// <summary>True for a few emoji and nothing else.</summary>
    public bool Big { get; init; }
    public bool Deleted { get; init; }
    /// <summary>Time of the last edit, where there was one.</summary>
    public string? Edited { get; init; }
    /// <summary>What to say about the way of an own message.</summary>
    public SendNote? Note { get; init; }
    /// <summary>Text as it was written, where it can be taken back into the composer.</summary>
    public string? Source { get; init; }
}
