namespace Chat.Contracts;

/// <summary>WebSocket close codes and what a client does on each.</summary>
public static class CloseCodes
{
    /// <summary>Closed on purpose: stay away.</summary>
    public const int Normal = 1000;
    /// <summary>Going away, or silent too long: reconnect.</summary>
    public const int GoingAway = 1001;
    /// <summary>The peer broke the WebSocket protocol.</summary>
    public const int ProtocolError = 1002;
    /// <summary>A binary frame; <c>chat.v1</c> is text only.</summary>
    public const int UnsupportedData = 1003;
    /// <summary>A text frame that is not UTF-8.</summary>
    public const int InvalidPayload = 1007;
    /// <summary>Too many bad frames, account disabled, or closed by an admin: do not reconnect by itself.</summary>
    public const int PolicyViolation = 1008;
    /// <summary>A message over <see cref="ProtocolLimits.MaxMessageBytes"/>.</summary>
    public const int MessageTooBig = 1009;
    /// <summary>A fault of ours: reconnect with back-off.</summary>
    public const int InternalError = 1011;
    /// <summary>The node restarts: reconnect and recover.</summary>
    public const int ServiceRestart = 1012;
    /// <summary>Overloaded: reconnect later, with back-off.</summary>
    public const int TryAgainLater = 1013;
    /// <summary>The session expired: reconnect with a fresh token.</summary>
    public const int SessionExpired = 4401;
    /// <summary>The client reads too slowly: reconnect and recover.</summary>
    public const int SlowConsumer = 4408;
    /// <summary>The user has too many connections: close one first.</summary>
    public const int TooManyConnections = 4429;
}
