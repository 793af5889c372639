namespace Chat.Client.Connecting;

/// <summary>A handshake that failed.</summary>
/// <param name="status">HTTP status of the answer; 0 when there was none.</param>
/// <param name="retryAfter">How long the server asks to wait.</param>
/// <param name="message">Why, for people.</param>
/// <param name="inner">Cause.</param>
internal sealed class HandshakeException(int status, TimeSpan? retryAfter, string message, Exception? inner = null) : Exception(message, inner)
{
    // A larger wish is more likely a mistake than meant.
    private static readonly TimeSpan MaxRetryAfter = TimeSpan.FromMinutes(5);

    public int Status { get; } = status;
    public TimeSpan? RetryAfter { get; } = retryAfter;

    /// <summary>A wish of the server, as far as it is followed.</summary>
    public static TimeSpan? Bounded(TimeSpan? retryAfter) => retryAfter > MaxRetryAfter ? MaxRetryAfter : retryAfter;
}
