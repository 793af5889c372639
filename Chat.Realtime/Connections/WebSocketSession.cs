using System.Buffers;
using System.Net.WebSockets;
using Chat.Contracts;
using Chat.Realtime.Commands;

namespace Chat.Realtime.Connections;

/// <summary>
/// Serves one <see cref="Connection"/> over the framework's WebSocket: one reader, and one writer that runs only while something waits.
/// While the peer is quiet it holds no buffer. Whatever the peer does, the session ends: by a close handshake, or cut by the connection's clock.
/// </summary>
internal sealed partial class WebSocketSession : IThreadPoolWorkItem, IAsyncDisposable
{
    // A message of the largest size in frames of 32 bytes. Who sends more fragments than that is not sending messages.
    private const int MaxFragments = 1_024;
    private const int FirstBuffer = 4_096;
    // A whole message arrives within this time of its first byte; one byte a second would hold a buffer for hours.
    private static readonly TimeSpan MessageTimeout = TimeSpan.FromSeconds(30);

    private readonly Connection _connection;
    private readonly WebSocket _socket;
    private readonly CommandLanes _lanes;
    private readonly NodeMetrics _metrics;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    // Completed when the writer has written the close frame or has failed.
    private readonly TaskCompletionSource _written = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Action _abort;

    public WebSocketSession(
        Connection connection, WebSocket socket, CommandDispatcher dispatcher, NodeMetrics metrics, TimeProvider time, Action abort, ILogger logger)
    {
        (_connection, _socket, _metrics, _time, _abort, _logger) = (connection, socket, metrics, time, abort, logger);
        _lanes = new CommandLanes(connection, dispatcher);
    }

    /// <summary>Completes when the connection is closed and its commands have ended.</summary>
    public async Task RunAsync(CancellationToken aborted)
    {
        _connection.Attach(this, Cut);
        try
        {
            await ReadAsync(aborted);
        }
        catch (Exception e) when (e is WebSocketException or IOException or OperationCanceledException or ObjectDisposedException)
        {
            // The peer is gone, or the framework refused its bytes and has sent 1002 or 1007 by itself.
            Log.Lost(_logger, _connection.Id, e.Message);
            _connection.Close(CloseCodes.ProtocolError, "protocol error");
        }
        await _written.Task;
    }

    public async ValueTask DisposeAsync() => await _lanes.StopAsync();

    /// <summary>The writer. The connection queues it when something waits, never twice at once.</summary>
    void IThreadPoolWorkItem.Execute() => _ = WriteAsync();

    // Never throws: whatever ends the writer completes _written, for which RunAsync waits.
    private async Task WriteAsync()
    {
        try
        {
            while (_connection.TryTake(out var frame))
            {
                if (frame.Kind == FrameKind.Close)
                {
                    var (code, reason) = _connection.ClosedWith!.Value;
                    if (_socket.State is WebSocketState.Open or WebSocketState.CloseReceived)
                        await _socket.CloseOutputAsync((WebSocketCloseStatus)code, reason, CancellationToken.None);
                    _written.TrySetResult();
                    continue;
                }
                await _socket.SendAsync(frame.Payload, WebSocketMessageType.Text, endOfMessage: true, CancellationToken.None);
                _metrics.Delivered(1, frame.AcceptedAtMs, _time.GetUtcNow());
            }
        }
        catch (Exception e) when (e is WebSocketException or IOException or OperationCanceledException or ObjectDisposedException or InvalidOperationException)
        {
            Log.Lost(_logger, _connection.Id, e.Message);
            _written.TrySetResult();
            Cut();
        }
        catch (Exception e)
        {
            Log.WriterFailed(_logger, e, _connection.Id);
            _written.TrySetResult();
            Cut();
        }
    }

    private async Task ReadAsync(CancellationToken aborted)
    {
        while (true)
        {
            // Nothing more is read while too much is under way: the peer's own TCP window then stops it.
            await _lanes.WhenRoomAsync();
            await _connection.WhenRepliesDrainAsync();
            var first = await _socket.ReceiveAsync(Memory<byte>.Empty, aborted); // waits without a buffer
            if (first.MessageType == WebSocketMessageType.Close)
            {
                Acknowledge();
                return;
            }
            if (!await ReadMessageAsync(first, aborted)) return;
        }
    }

    // Reads the rest of a message and hands it on; false when the peer has closed.
    private async Task<bool> ReadMessageAsync(ValueWebSocketReceiveResult result, CancellationToken aborted)
    {
        var buffer = ArrayPool<byte>.Shared.Rent(FirstBuffer);
        try
        {
            var length = 0;
            var fragments = 0;
            var started = _time.GetTimestamp();
            while (!result.EndOfMessage)
            {
                if (length == buffer.Length) buffer = Grow(buffer, length);
                result = await _socket.ReceiveAsync(buffer.AsMemory(length), aborted);
                if (result.MessageType == WebSocketMessageType.Close)
                {
                    Acknowledge();
                    return false;
                }
                length += result.Count;
                if (result.MessageType == WebSocketMessageType.Binary) _connection.Close(CloseCodes.UnsupportedData, "text frames only");
                else if (length > ProtocolLimits.MaxMessageBytes) _connection.Close(CloseCodes.MessageTooBig, $"messages are at most {ProtocolLimits.MaxMessageBytes} bytes");
                else if (++fragments > MaxFragments || _time.GetElapsedTime(started) > MessageTimeout) _connection.Close(CloseCodes.PolicyViolation, "message in too many pieces or too slow");
                if (_connection.IsClosing) length = 0; // read on only to see the peer's own close frame
            }
            if (result.MessageType == WebSocketMessageType.Binary) _connection.Close(CloseCodes.UnsupportedData, "text frames only");
            if (!_connection.IsClosing) _lanes.Enter(buffer.AsSpan(0, length));
            return true;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    private static byte[] Grow(byte[] buffer, int length)
    {
        var larger = ArrayPool<byte>.Shared.Rent(Math.Min(buffer.Length * 4, ProtocolLimits.MaxMessageBytes + 1));
        buffer.AsSpan(0, length).CopyTo(larger);
        ArrayPool<byte>.Shared.Return(buffer);
        return larger;
    }

    // The peer's close frame: ours follows with the same code, unless it was ours that came first.
    private void Acknowledge()
    {
        var code = _socket.CloseStatus is { } status && (int)status is var number && number != 1005 ? number : CloseCodes.Normal;
        _connection.Close(code, "");
    }

    private void Cut()
    {
        try
        {
            _socket.Abort();
            _abort();
        }
        catch (ObjectDisposedException)
        {
            // The request ended by itself in this very moment: there is nothing left to cut.
        }
    }

    private static partial class Log
    {
        [LoggerMessage(1001, LogLevel.Debug, "Connection {ConnectionId} was lost: {Reason}")]
        public static partial void Lost(ILogger logger, string connectionId, string reason);

        [LoggerMessage(1002, LogLevel.Error, "The writer of connection {ConnectionId} failed")]
        public static partial void WriterFailed(ILogger logger, Exception exception, string connectionId);
    }
}
