namespace Chat.LoadTest.Recording;

/// <summary>What a client wants once, however often it is sent.</summary>
internal readonly record struct OperationKey(string SenderId, string RoomId, string ClientId)
{
    public override string ToString() => $"{ClientId} of {SenderId} in {RoomId}";
}

/// <summary>One try. <paramref name="Connection"/> is unique in the run; 0 = an HTTP call.</summary>
internal sealed record SendAttempt(OperationKey Operation, string Content, string Route, int Connection, TimeSpan At);

/// <summary>One ack; repeated sends may bring several, which must agree.</summary>
internal sealed record SendAck(OperationKey Operation, string EventId, long Seq, string Epoch, string Route, int Connection, TimeSpan At);

/// <summary>A try that ended without an ack: an error code, or <c>unknown</c> when nothing came.</summary>
internal sealed record SendFailure(OperationKey Operation, string Code, string Route, TimeSpan At)
{
    public const string Unknown = "unknown";
}
