using Chat.Contracts;

namespace Chat.Client.Connecting;

/// <summary>
/// One connection below the protocol: commands go out in the order of the calls, and every reply and event comes back as the frame that
/// the WebSocket would bring. Only one task may read.
/// </summary>
internal abstract class ChatSocket : IAsyncDisposable
{
    /// <summary>The close code that the server gave, if it did.</summary>
    public abstract int? CloseCode { get; }

    /// <summary>The text that came with <see cref="CloseCode"/>.</summary>
    public abstract string? CloseText { get; }

    /// <exception cref="HandshakeException">There is no connection.</exception>
    public static Task<ChatSocket> ConnectAsync(ChatClientOptions options, string token, CancellationToken cancellationToken) =>
        options.Transport == ChatTransport.SignalR
            ? SignalRTransport.ConnectAsync(options, token, cancellationToken)
            : WebSocketTransport.ConnectAsync(options, token, cancellationToken);

    /// <exception cref="ConnectionLostException">The connection has ended.</exception>
    public abstract Task SendAsync(ClientCommand command, CancellationToken cancellationToken);

    /// <summary>The next frame, valid until the next call; null when the connection has ended.</summary>
    public abstract ValueTask<ReadOnlyMemory<byte>?> ReceiveAsync(CancellationToken cancellationToken);

    /// <summary>Tells the server that this connection ends and waits for the reader to see it; a peer that is gone is not waited for.</summary>
    public abstract Task CloseAsync();

    /// <summary>Ends the connection at once.</summary>
    public abstract void Abort();

    public abstract ValueTask DisposeAsync();

    /// <summary>The address below an origin that may have a path.</summary>
    protected static UriBuilder AddressOf(Uri origin, string path)
    {
        var builder = new UriBuilder(origin);
        builder.Path = $"{builder.Path.TrimEnd('/')}{path}";
        return builder;
    }
}
