namespace Chat.LoadTest.Recording;

/// <summary>What a client wants once, however often it is sent.</summary>
internal readonly record struct OperationKey(string SenderId, string RoomId, string ClientId)
{
    public override string ToString() => $"{ClientId} of {SenderId} in {RoomId}";
}

/// <summary>The event that an operation is to become.</summary>
/// <param name="EventType">Of the event.</param>
/// <param name="Content">As it was sent; null for a deletion.</param>
/// <param name="TargetId">The event that it is about.</param>
internal sealed record Wish(string EventType, string? Content, string? TargetId = null);

/// <summary>One try. <paramref name="Connection"/> is unique in the run; 0 = an HTTP call.</summary>
internal sealed record SendAttempt(OperationKey Operation, Wish Wish, string Route, int Connection, TimeSpan At);

/// <summary>One ack; repeated sends may bring several, which must agree.</summary>
internal sealed record SendAck(OperationKey Operation, string EventId, long Seq, string Epoch, string Route, int Connection, TimeSpan At);

/// <summary>A try that ended without an ack: an error code, or <c>unknown</c> when nothing came.</summary>
/// <param name="Operation">What was tried.</param>
/// <param name="Code">Of the error.</param>
/// <param name="Route">The way.</param>
/// <param name="SentAt">When that try began.</param>
/// <param name="At">When it ended.</param>
internal sealed record SendFailure(OperationKey Operation, string Code, string Route, TimeSpan SentAt, TimeSpan At)
{
    public const string Unknown = "unknown";
}
