namespace Chat.Client;

/// <summary>What a <see cref="ChatConnection"/> is doing.</summary>
public enum ConnectionStatus
{
    /// <summary><see cref="ChatConnection.StartAsync"/> was not called yet.</summary>
    NotStarted,
    /// <summary>An attempt is under way.</summary>
    Connecting,
    /// <summary>Connected: commands go out and events come in.</summary>
    Connected,
    /// <summary>Between two attempts; see <see cref="ConnectionState.NextAttemptAt"/>.</summary>
    Reconnecting,
    /// <summary>Ended for good; see <see cref="ConnectionState.ClosedReason"/>.</summary>
    Closed,
}

/// <summary>Why a connection ended for good.</summary>
public enum ClosedReason
{
    /// <summary><see cref="ChatConnection.DisposeAsync"/> was called.</summary>
    Disposed,
    /// <summary>No token, or the server refuses the one that the provider gives.</summary>
    SignedOut,
    /// <summary>The user has too many connections (close code 4429): one must be closed first.</summary>
    TooManyConnections,
    /// <summary>Closed by policy (close code 1008): account disabled, closed by an admin, or too many bad frames.</summary>
    Policy,
    /// <summary>The handshake was forbidden (HTTP 403).</summary>
    Forbidden,
}

/// <summary>State of a <see cref="ChatConnection"/> at one moment.</summary>
/// <param name="Status">What it is doing.</param>
/// <param name="Attempt">Number of failed attempts since the last stable connection.</param>
/// <param name="NextAttemptAt">With <see cref="ConnectionStatus.Reconnecting"/>: when the next attempt starts.</param>
/// <param name="Reason">With <see cref="ConnectionStatus.Reconnecting"/> and <see cref="ConnectionStatus.Closed"/>: why, for people.</param>
/// <param name="ClosedReason">With <see cref="ConnectionStatus.Closed"/>: why, for programs.</param>
/// <param name="CloseCode">WebSocket close code that ended the last connection, where there was one.</param>
public sealed record ConnectionState(
    ConnectionStatus Status, int Attempt = 0, DateTimeOffset? NextAttemptAt = null, string? Reason = null,
    ClosedReason? ClosedReason = null, int? CloseCode = null);
