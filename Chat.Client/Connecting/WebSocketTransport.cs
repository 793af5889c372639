using System.Buffers;
using System.Globalization;
using System.Net.WebSockets;
using System.Text.Json;
using Chat.Contracts;

namespace Chat.Client.Connecting;

/// <summary>The raw WebSocket. Writes are one at a time: it allows no more.</summary>
internal sealed class WebSocketTransport : ChatSocket
{
    // A subscribe ack can carry 1,000 events of 24,000 bytes, some of them escaped: 64 MiB is above all that a server sends.
    private const int MaxMessageBytes = 64 << 20;
    private const int ReceiveBytes = 16 << 10;
    // After a larger message the buffer is let go instead of kept for the life of the connection.
    private const int KeptBytes = 256 << 10;
    private static readonly TimeSpan CloseTimeout = TimeSpan.FromSeconds(2);

    private readonly ClientWebSocket _socket;
    private readonly SemaphoreSlim _writing = new(1);
    private readonly TaskCompletionSource _readEnd = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private ArrayBufferWriter<byte> _message = new(ReceiveBytes);

    private WebSocketTransport(ClientWebSocket socket) => _socket = socket;

    public override int? CloseCode => (int?)_socket.CloseStatus;

    public override string? CloseText => _socket.CloseStatusDescription;

    /// <exception cref="HandshakeException">There is no connection.</exception>
    public static new async Task<ChatSocket> ConnectAsync(ChatClientOptions options, string token, CancellationToken cancellationToken)
    {
        var socket = new ClientWebSocket();
        try
        {
            socket.Options.AddSubProtocol(ProtocolLimits.SubProtocol);
            socket.Options.SetRequestHeader("Authorization", $"Bearer {token}");
            socket.Options.CollectHttpResponseDetails = true;
            socket.Options.KeepAliveInterval = options.KeepAliveInterval;
            socket.Options.KeepAliveTimeout = options.KeepAliveTimeout;
            options.ConfigureSocket?.Invoke(socket.Options);
            await socket.ConnectAsync(AddressOf(options.BaseAddress), cancellationToken);
            return new WebSocketTransport(socket);
        }
        catch (WebSocketException e)
        {
            var failure = new HandshakeException((int)socket.HttpStatusCode, RetryAfterOf(socket), e.InnerException?.Message ?? e.Message, e);
            socket.Dispose();
            throw failure;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    public override async Task SendAsync(ClientCommand command, CancellationToken cancellationToken)
    {
        var text = JsonSerializer.SerializeToUtf8Bytes(command, ChatJson.Wire.ClientCommand);
        await _writing.WaitAsync(cancellationToken);
        // Only the wait is cancelled: a cancelled write would abort the connection. A dead peer is found by the keep-alive, which ends the write too.
        if (!await WriteAsync(text).WaitAsync(cancellationToken)) throw new ConnectionLostException();
    }

    /// <summary>Writes, and lets the next one write.</summary>
    /// <returns>False when the connection has ended.</returns>
    private async Task<bool> WriteAsync(ReadOnlyMemory<byte> text)
    {
        try
        {
            await _socket.SendAsync(text, WebSocketMessageType.Text, endOfMessage: true, CancellationToken.None);
            return true;
        }
        catch (Exception e) when (IsLoss(e))
        {
            return false;
        }
        finally
        {
            _writing.Release();
        }
    }

    public override async ValueTask<ReadOnlyMemory<byte>?> ReceiveAsync(CancellationToken cancellationToken)
    {
        if (_message.Capacity > KeptBytes) _message = new ArrayBufferWriter<byte>(ReceiveBytes);
        _message.ResetWrittenCount();
        try
        {
            while (true)
            {
                var part = await _socket.ReceiveAsync(_message.GetMemory(ReceiveBytes), cancellationToken);
                if (part.MessageType == WebSocketMessageType.Close) break;
                _message.Advance(part.Count);
                if (_message.WrittenCount > MaxMessageBytes) break;
                if (part.EndOfMessage) return _message.WrittenMemory;
            }
        }
        catch (Exception e) when (IsLoss(e))
        {
            // The same end as a close frame: what it was says CloseCode.
        }
        _readEnd.TrySetResult();
        return null;
    }

    public override async Task CloseAsync()
    {
        using var deadline = new CancellationTokenSource(CloseTimeout);
        try
        {
            await _writing.WaitAsync(deadline.Token);
            try
            {
                await _socket.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, null, deadline.Token);
            }
            finally
            {
                _writing.Release();
            }
            await _readEnd.Task.WaitAsync(deadline.Token);
        }
        catch (Exception e) when (IsLoss(e))
        {
            _socket.Abort();
        }
    }

    public override void Abort() => _socket.Abort();

    /// <summary>Answers the server's close frame, where there was one, and lets go of the socket.</summary>
    public override async ValueTask DisposeAsync()
    {
        if (_socket.State == WebSocketState.CloseReceived) await CloseAsync();
        _socket.Dispose();
    }

    private static bool IsLoss(Exception e) =>
        e is WebSocketException or OperationCanceledException or ObjectDisposedException or InvalidOperationException or IOException;

    private static Uri AddressOf(Uri origin)
    {
        var builder = AddressOf(origin, "/ws");
        builder.Scheme = builder.Scheme is "https" or "wss" ? "wss" : "ws";
        return builder.Uri;
    }

    private static TimeSpan? RetryAfterOf(ClientWebSocket socket) =>
        socket.HttpResponseHeaders is { } headers && headers.TryGetValue("Retry-After", out var values)
        && int.TryParse(values.FirstOrDefault(), NumberStyles.None, CultureInfo.InvariantCulture, out var seconds)
            ? HandshakeException.Bounded(TimeSpan.FromSeconds(seconds))
            : null;
}
