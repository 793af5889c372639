namespace Chat.LoadTest.Recording;

/// <summary>What happened to a reader in one room, in the order in which it happened.</summary>
internal abstract record ReaderStep(string RoomId, TimeSpan At);

/// <summary>A <c>subscribe</c> was acknowledged; the events of the ack follow as steps of their own.</summary>
/// <param name="Since">What the reader asked for: everything after this.</param>
/// <param name="SinceEpoch">The epoch that it knew.</param>
internal sealed record Subscribed(string RoomId, long? Since, string? SinceEpoch, string Epoch, long HeadSeq, bool Recovered, TimeSpan At) : ReaderStep(RoomId, At);

/// <summary>The reader got a durable event.</summary>
/// <param name="AsOf">The last number of the answer in which it came: every change up to there is in what was seen. Of a live event, its own.</param>
internal sealed record Saw(string RoomId, EventSight Event, SightKind Kind, long AsOf, TimeSpan At) : ReaderStep(RoomId, At);

/// <summary>The server said <c>resync</c>, or that the gap could not be closed: the stream ends here and the room is loaded again.</summary>
internal sealed record ToldToReload(string RoomId, string Epoch, long HeadSeq, TimeSpan At) : ReaderStep(RoomId, At);

/// <summary>The server refused the reader for good, or ended its subscription.</summary>
internal sealed record TurnedAway(string RoomId, string Code, TimeSpan At) : ReaderStep(RoomId, At);

/// <summary>How an event came.</summary>
internal enum SightKind
{
    /// <summary>On a subscribed connection, as it was sent.</summary>
    Live,
    /// <summary>With the ack of <c>subscribe</c>, after its changes.</summary>
    Recovered,
    /// <summary>From a page of history, after its changes.</summary>
    Loaded,
}

/// <summary>All steps of one reader.</summary>
internal sealed record ReaderLog(string Name, IReadOnlyList<ReaderStep> Steps);

/// <summary>A client without a connection, from the moment it noticed until it was subscribed and caught up again.</summary>
internal sealed record Outage(string Reader, TimeSpan From, TimeSpan To);
