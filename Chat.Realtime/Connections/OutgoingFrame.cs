namespace Chat.Realtime.Connections;

/// <summary>What leaves a connection.</summary>
internal enum FrameKind
{
    Event,
    Reply,
    Close,
    /// <summary>Only on a direct socket: the framework's path has pings and pongs of its own.</summary>
    Ping,
    Pong,
}

/// <summary>One frame for the writer; <paramref name="AcceptedAtMs"/> as Unix milliseconds, 0 for none.</summary>
internal readonly record struct OutgoingFrame(ReadOnlyMemory<byte> Payload, FrameKind Kind, long AcceptedAtMs);
