using Chat.Contracts;
using Microsoft.Extensions.Options;

namespace Chat.Realtime.Connections;

/// <summary>Bounds of one client connection. Section <c>Chat:Connections</c>.</summary>
public sealed class ConnectionOptions
{
    public const string Section = "Chat:Connections";

    /// <summary>Bytes of events that may wait for a client that reads slowly; beyond it the connection is closed with 4408. Default 1 MiB.</summary>
    public int MaxQueuedBytes { get; set; } = 1 << 20;

    /// <summary>Events that may wait, whatever their size; beyond it 4408. Default 4,096.</summary>
    public int MaxQueuedEvents { get; set; } = 4_096;

    /// <summary>
    /// Bytes of replies that may wait. Beyond it nothing more is read from the client until it has taken some: replies are asked for, so the
    /// asking stops. Default 4 MiB.
    /// </summary>
    public int MaxQueuedReplyBytes { get; set; } = 4 << 20;

    /// <summary>Commands of one connection that may be under way at once; beyond it nothing more is read from the client. Default 64.</summary>
    public int MaxCommandsInFlight { get; set; } = 64;

    /// <summary>Rooms that one connection may be subscribed to; one more is refused with <c>conflict</c>. Default 1,000.</summary>
    public int MaxSubscriptions { get; set; } = 1_000;

    /// <summary>
    /// Client connections of this process; one more is closed with 1013. Default 0: as many as the process' limit of open files leaves, which is that limit less 1,000.
    /// </summary>
    public int MaxConnections { get; set; }

    /// <summary>How long a close handshake may take before the socket is cut. Default 5 s.</summary>
    public TimeSpan CloseTimeout { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>
    /// How long a client that read too slowly has to take the close with 4408 before the socket is cut. Longer than other closes: whoever was frozen for a moment
    /// then learns why it was closed. Only the close frame waits meanwhile. Default 30 s.
    /// </summary>
    public TimeSpan SlowConsumerTimeout { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>A connection from which nothing was heard for this long is closed with 1001. Default 40 s, twice the heartbeat.</summary>
    public TimeSpan SilenceTimeout { get; set; } = TimeSpan.FromMilliseconds(2 * ProtocolLimits.HeartbeatMs);
}

/// <summary>Refuses bounds under which no client could work.</summary>
internal sealed class ConnectionOptionsValidator : IValidateOptions<ConnectionOptions>
{
    public ValidateOptionsResult Validate(string? name, ConnectionOptions options)
    {
        var failures = new List<string>();
        if (options.MaxQueuedBytes < ProtocolLimits.MaxMessageBytes)
            failures.Add($"{ConnectionOptions.Section}:MaxQueuedBytes is {options.MaxQueuedBytes}: give at least {ProtocolLimits.MaxMessageBytes}, one event of the largest size.");
        if (options.MaxQueuedEvents < 1) failures.Add($"{ConnectionOptions.Section}:MaxQueuedEvents must be at least 1.");
        if (options.MaxQueuedReplyBytes < 1) failures.Add($"{ConnectionOptions.Section}:MaxQueuedReplyBytes must be at least 1.");
        if (options.MaxCommandsInFlight < 1) failures.Add($"{ConnectionOptions.Section}:MaxCommandsInFlight must be at least 1.");
        if (options.MaxSubscriptions < 1) failures.Add($"{ConnectionOptions.Section}:MaxSubscriptions must be at least 1.");
        if (options.MaxConnections < 0) failures.Add($"{ConnectionOptions.Section}:MaxConnections is {options.MaxConnections}: give a number from 1, or 0 for what the limit of open files leaves.");
        if (options.CloseTimeout <= TimeSpan.Zero) failures.Add($"{ConnectionOptions.Section}:CloseTimeout must be positive, e.g. 00:00:05.");
        if (options.SlowConsumerTimeout <= TimeSpan.Zero) failures.Add($"{ConnectionOptions.Section}:SlowConsumerTimeout must be positive, e.g. 00:00:30.");
        if (options.SilenceTimeout <= TimeSpan.Zero) failures.Add($"{ConnectionOptions.Section}:SilenceTimeout must be positive, e.g. 00:00:40.");
        return failures.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(failures);
    }
}
