namespace Chat.Realtime.Transport;

/// <summary>What a client's bytes turn out to be.</summary>
internal enum IncomingKind
{
    /// <summary>A whole text message, valid UTF-8.</summary>
    Text,
    Ping,
    Pong,
    Close,
    /// <summary>The client broke the protocol; nothing that follows has a meaning.</summary>
    Violation,
}

/// <summary>A whole message or control frame. <see cref="Payload"/> is valid until the reader is asked again.</summary>
/// <param name="code">Of a close: the client's, 1005 when it gave none. Of a violation: the close code that answers it.</param>
internal readonly ref struct IncomingFrame(IncomingKind kind, ReadOnlySpan<byte> payload = default, int code = 0, string reason = "")
{
    public readonly IncomingKind Kind = kind;
    public readonly ReadOnlySpan<byte> Payload = payload;
    public readonly int Code = code;
    public readonly string Reason = reason;
}
