namespace Chat.Realtime.Connections;

/// <summary>What leaves a connection.</summary>
internal enum FrameKind
{
    Event,
    Reply,
    Close,
    /// <summary>Like pongs only where the transport writes control frames: a hub has signs of life of its own.</summary>
    Ping,
    Pong,
}

/// <summary>One frame for the writer; <paramref name="AcceptedAtMs"/> as Unix milliseconds, 0 for none.</summary>
internal readonly record struct OutgoingFrame(ReadOnlyMemory<byte> Payload, FrameKind Kind, long AcceptedAtMs);
