namespace Chat.Realtime.Transport;

/// <summary>How WebSocket connections reach the node. Section <c>Chat:Transport</c>.</summary>
internal sealed class TransportOptions
{
    public const string Section = "Chat:Transport";

    /// <summary>
    /// Serve plain <c>GET /ws</c> below Kestrel, and talk to Redis on the same event loop. Default true; only on Linux. With false every connection takes the framework's
    /// path and every command the client library's, which costs more per delivery, per event and per idle connection, and promises the same.
    /// </summary>
    public bool FastPath { get; set; } = true;

    public bool IsFast => FastPath && OperatingSystem.IsLinux();
}
