using System.Net.WebSockets;
using System.Text;
using System.Text.Json;

namespace Chat.LoadTest.Wire;

/// <summary>
/// One WebSocket to the platform, written against the protocol page alone and without the project's own client, whose faults could
/// otherwise hide the server's. One reader, any number of senders, one at a time.
/// </summary>
internal sealed class ChatSocket : IDisposable
{
    public const int MaxFrameBytes = 64 * 1024 * 1024; // the ack of a resume: 1,000 events of 24,000 bytes, escaped
    private static readonly TimeSpan ConnectPatience = TimeSpan.FromSeconds(4);
    private static readonly TimeSpan SendPatience = TimeSpan.FromSeconds(4);

    private readonly ClientWebSocket _socket = new();
    private readonly SemaphoreSlim _sending = new(1, 1);
    private readonly byte[] _buffer = new byte[16 * 1024];

    private ChatSocket(int number, Route route) => (Number, Route) = (number, route);

    /// <summary>Unique in the run.</summary>
    public int Number { get; }

    public Route Route { get; }

    /// <summary>To <c>/ws</c>.</summary>
    public static Task<ChatSocket> ConnectAsync(int number, Route route, string token, CancellationToken stop) =>
        ConnectAsync(number, route, "/ws", "chat.v1", token, stop);

    public static async Task<ChatSocket> ConnectAsync(int number, Route route, string path, string? subProtocol, string token, CancellationToken stop)
    {
        var link = new ChatSocket(number, route);
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(stop);
        patience.CancelAfter(ConnectPatience);
        try
        {
            if (subProtocol is not null) link._socket.Options.AddSubProtocol(subProtocol);
            link._socket.Options.SetRequestHeader("Authorization", $"Bearer {token}");
            link._socket.Options.KeepAliveInterval = TimeSpan.Zero;
            await link._socket.ConnectAsync(new UriBuilder(route.Address) { Scheme = "ws", Path = path }.Uri, patience.Token);
            return link;
        }
        catch (Exception failure) when (failure is WebSocketException or OperationCanceledException && !stop.IsCancellationRequested)
        {
            link.Dispose();
            throw new LinkLostException($"{route.Name} cannot be reached", failure);
        }
    }

    /// <param name="json">The frame.</param>
    /// <param name="beforeFirstByte">Called in the order in which frames leave.</param>
    public async Task SendAsync(string json, Action? beforeFirstByte = null)
    {
        await _sending.WaitAsync();
        try
        {
            beforeFirstByte?.Invoke();
            await _socket.SendAsync(Encoding.UTF8.GetBytes(json).AsMemory(), WebSocketMessageType.Text, true, CancellationToken.None).AsTask().WaitAsync(SendPatience);
        }
        // A socket that is aborted meanwhile says so in any of these ways, cancellation included.
        catch (Exception failure) when (failure is WebSocketException or IOException or TimeoutException or ObjectDisposedException or InvalidOperationException or OperationCanceledException)
        {
            Abort();
            throw new LinkLostException($"{Route.Name} took no frame", failure);
        }
        finally
        {
            _sending.Release();
        }
    }

    /// <summary>The next frame; null when the server closed.</summary>
    public async Task<JsonElement?> ReceiveAsync() => await ReceiveBytesAsync() is { } frame ? JsonDocument.Parse(frame).RootElement : null;

    /// <summary>The next message as it came; null when the server closed.</summary>
    public async Task<byte[]?> ReceiveBytesAsync()
    {
        using var frame = new MemoryStream();
        try
        {
            while (true)
            {
                var part = await _socket.ReceiveAsync(_buffer.AsMemory(), CancellationToken.None);
                if (part.MessageType == WebSocketMessageType.Close) return null;
                frame.Write(_buffer, 0, part.Count);
                if (frame.Length > MaxFrameBytes) throw new LinkLostException($"{Route.Name} sent a frame of over {MaxFrameBytes} bytes");
                if (part.EndOfMessage) return frame.ToArray();
            }
        }
        catch (Exception failure) when (failure is WebSocketException or IOException or ObjectDisposedException or InvalidOperationException or OperationCanceledException)
        {
            throw new LinkLostException($"{Route.Name} was lost", failure);
        }
    }

    public void Abort() => _socket.Abort();

    public void Dispose()
    {
        _socket.Abort();
        _socket.Dispose();
    }
}
