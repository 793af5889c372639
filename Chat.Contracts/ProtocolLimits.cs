namespace Chat.Contracts;

/// <summary>The numbers of the protocol.</summary>
public static class ProtocolLimits
{
    public const string SubProtocol = "chat.v1";
    /// <summary>Server pings go out at this interval; a connection silent for twice as long is closed. Milliseconds.</summary>
    public const int HeartbeatMs = 20_000;
    /// <summary>Largest message that a client may send, in bytes.</summary>
    public const int MaxMessageBytes = 32_768;
    /// <summary>Largest <c>content</c>, in bytes of UTF-8.</summary>
    public const int MaxContentBytes = 24_000;
    public const int MaxClientIdLength = 64;
    /// <summary>Largest <c>content</c> of a <c>react</c>, in bytes of UTF-8: room for every emoji sequence, and for names of one's own.</summary>
    public const int MaxReactionBytes = 64;
    /// <summary>Reactions and replies of one message are counted exactly up to as many events; beyond, the newest count.</summary>
    public const int MaxCountedState = 1_000;
    public const int MaxReactionUsers = 10;
    public const int MaxReplyUsers = 3;
    /// <summary>A resume over a larger gap than this is answered with <c>recovered: false</c>.</summary>
    public const int MaxRecoveredEvents = 1_000;
    public const int DefaultHistoryLimit = 50;
    public const int MaxHistoryLimit = 200;
    public const int DefaultPresenceLimit = 50;
    public const int MaxPresenceLimit = 200;
    /// <summary>Rooms with more members than this get no <c>presence</c> events.</summary>
    public const int MaxPresenceEventMembers = 500;
    /// <summary>The bad frame with this number within a minute closes the connection with 1008.</summary>
    public const int BadFramesPerMinute = 20;
    /// <summary>Longest long poll, in seconds.</summary>
    public const int MaxWaitSeconds = 30;
    public const int MaxUnread = 999;
    public const int MaxRoomNameLength = 80;
    public const int MaxTopicLength = 250;
    public const int MaxDisplayNameLength = 64;
    /// <summary>Numbers of epoch E start at E · 2³² + 1.</summary>
    public const long NumbersPerEpoch = 1L << 32;
}
