namespace Chat.LoadTest.Traffic;

/// <summary>Where a reader stands in one room. Used by its reader's task alone.</summary>
internal sealed class ReaderRoom(string roomId, long? position, bool mustLoad)
{
    public string RoomId { get; } = roomId;

    /// <summary>The last event it has; null = it takes what comes after it subscribes.</summary>
    public long? Position { get; set; } = position;

    public string? Epoch { get; set; }

    /// <summary>What was missed is to be read from history before the next <c>subscribe</c>.</summary>
    public bool MustLoad { get; set; } = mustLoad;

    /// <summary>Subscribed and caught up: events that come are the stream.</summary>
    public bool IsLive { get; set; }

    /// <summary>Id of the <c>subscribe</c> that is under way.</summary>
    public int? Asked { get; set; }

    /// <summary>The server asked to try later.</summary>
    public TimeSpan? AskAgainAt { get; set; }
}
