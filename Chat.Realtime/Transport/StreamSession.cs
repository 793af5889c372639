using System.Buffers;
using System.Net.Sockets;
using Chat.Contracts;
using Chat.Realtime.Commands;
using Chat.Realtime.Connections;

namespace Chat.Realtime.Transport;

/// <summary>
/// Serves one <see cref="Connection"/> over a stream that the framework has upgraded: one reader, and one writer that runs only while something waits.
/// While the peer is quiet it holds no buffer. Whatever the peer does, the session ends: by a close handshake, or cut by the connection's clock.
/// </summary>
internal sealed partial class StreamSession : IThreadPoolWorkItem, IAsyncDisposable
{
    private const int ReadBytes = 4_096;
    private const int WriteBytes = 64 << 10;
    // Bytes that nobody has read when a socket is closed make the kernel reset it, and the close frame is lost with it. So who was told to go while it may be sending is read until it is quiet.
    private static readonly TimeSpan Quiet = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan LongestGoodbye = TimeSpan.FromSeconds(5);

    private readonly Connection _connection;
    private readonly Stream _stream;
    private readonly CommandLanes _lanes;
    private readonly FrameReader _frames = new();
    private readonly NodeMetrics _metrics;
    private readonly TimeProvider _time;
    private readonly Action _abort;
    private readonly ILogger _logger;
    private readonly Lock _gate = new();
    // Completed when the writer has written the close frame or has failed.
    private readonly TaskCompletionSource _written = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private PeerSide _peer;
    private bool _isOver; // the request is not to be touched any more
    private volatile bool _isGone; // the peer has ended its side without a close frame: it is told nothing more

    public StreamSession(Connection connection, Stream stream, CommandDispatcher dispatcher, NodeMetrics metrics, TimeProvider time, Action abort, ILogger logger)
    {
        (_connection, _stream, _metrics, _time, _abort, _logger) = (connection, stream, metrics, time, abort, logger);
        _lanes = new CommandLanes(connection, dispatcher);
    }

    /// <summary>Says why to a client that has no session, and leaves it the time to read that.</summary>
    public static async Task RefuseAsync(Stream stream, int code, string reason, TimeProvider time)
    {
        try
        {
            await stream.WriteAsync(WireFrames.Close(code, reason));
            await ReadToQuietAsync(stream, time);
        }
        catch (Exception e) when (IsLoss(e))
        {
            return; // it does not want to know
        }
    }

    /// <summary>Completes when the connection is closed. <paramref name="aborted"/> may also come when the peer has ended its side: what it sent before is read while there is room for its commands.</summary>
    public async Task RunAsync(CancellationToken aborted)
    {
        _connection.Attach(this, Cut, writesControlFrames: true);
        try
        {
            await ReadAsync(aborted);
        }
        catch (Exception e)
        {
            _isGone = IsLoss(e);
            Lost(e);
            if (!_isGone) _connection.Close(CloseCodes.InternalError, "internal");
        }
        if (_isGone) _connection.Close(CloseCodes.ProtocolError, "ended without a close frame");
        await _written.Task;
    }

    /// <summary>Completes when no command of the connection is under way any more.</summary>
    public async ValueTask DisposeAsync()
    {
        _frames.Release();
        try
        {
            await _lanes.StopAsync();
        }
        finally
        {
            lock (_gate) _isOver = true;
        }
    }

    /// <summary>The writer. The connection queues it when something waits, never twice at once.</summary>
    void IThreadPoolWorkItem.Execute() => _ = WriteAsync();

    // Never throws: whatever ends the writer completes _written, for which RunAsync waits.
    private async Task WriteAsync()
    {
        try
        {
            while (_connection.TryTake(out var frame))
            {
                if (!_isGone) await WriteAsync(frame);
                if (frame.Kind == FrameKind.Event && !_isGone) _metrics.Delivered(1, frame.AcceptedAtMs, _time.GetUtcNow());
                else if (frame.Kind == FrameKind.Close) _written.TrySetResult();
            }
        }
        catch (Exception e)
        {
            Lost(e);
            _isGone = true;
            _connection.Close(CloseCodes.ProtocolError, "cannot be written to");
            _written.TrySetResult();
            Cut();
        }
    }

    private async ValueTask WriteAsync(OutgoingFrame frame)
    {
        var buffer = ArrayPool<byte>.Shared.Rent(WireFrames.LengthOf(frame));
        try
        {
            for (var rest = buffer.AsMemory(0, WireFrames.Copy(frame, 0, buffer)); !rest.IsEmpty;)
            {
                var piece = rest[..Math.Min(rest.Length, WriteBytes)];
                var writing = _stream.WriteAsync(piece);
                // Whoever takes what it had no room for is alive, however long its answer to a ping stands in line.
                var waits = !writing.IsCompleted;
                await writing;
                if (waits) _connection.Heard();
                rest = rest[piece.Length..];
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    private async Task ReadAsync(CancellationToken aborted)
    {
        while (_peer == PeerSide.Speaks)
        {
            await WhenRoomAsync(aborted);
            _ = await _stream.ReadAsync(Memory<byte>.Empty, CancellationToken.None); // waits without a buffer
            var buffer = ArrayPool<byte>.Shared.Rent(ReadBytes);
            try
            {
                var count = await _stream.ReadAsync(buffer, CancellationToken.None);
                if (count == 0)
                {
                    _isGone = true;
                    return;
                }
                _connection.Heard();
                await FeedAsync(buffer.AsMemory(0, count), aborted);
            }
            finally
            {
                ArrayPool<byte>.Shared.Return(buffer);
            }
        }
        if (_peer == PeerSide.Broken) await ReadToQuietAsync(_stream, _time);
    }

    private async Task FeedAsync(Memory<byte> bytes, CancellationToken aborted)
    {
        while (TryHandle(ref bytes)) await WhenRoomAsync(aborted);
        if (_peer == PeerSide.Speaks && _frames.IsTooSlow(_time)) _peer = PeerFrames.RefuseTooSlow(_connection);
        if (_frames.IsIdle) _frames.Release();
    }

    // The next whole frame; false when more bytes are needed, or what follows has no meaning.
    private bool TryHandle(ref Memory<byte> bytes)
    {
        var rest = bytes.Span;
        if (_peer != PeerSide.Speaks || !_frames.TryRead(ref rest, out var frame)) return false;
        bytes = bytes[^rest.Length..];
        _peer = PeerFrames.Handle(frame, _connection, _lanes);
        return true;
    }

    // Nothing more is read while too much is under way: the peer's own TCP window then stops it.
    private async ValueTask WhenRoomAsync(CancellationToken aborted)
    {
        await _lanes.WhenRoomAsync().WaitAsync(aborted);
        await _connection.WhenRepliesDrainAsync();
    }

    private static async Task ReadToQuietAsync(Stream stream, TimeProvider time)
    {
        var buffer = ArrayPool<byte>.Shared.Rent(ReadBytes);
        try
        {
            var started = time.GetTimestamp();
            while (time.GetElapsedTime(started) < LongestGoodbye)
            {
                using var quiet = new CancellationTokenSource(Quiet, time);
                if (await stream.ReadAsync(buffer, quiet.Token) == 0) return;
            }
        }
        catch (OperationCanceledException)
        {
            return; // quiet
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    // The clock and a drain may still hold the connection when its request has ended.
    private void Cut()
    {
        lock (_gate)
        {
            if (!_isOver) _abort();
        }
    }

    private void Lost(Exception e)
    {
        if (IsLoss(e)) Log.Lost(_logger, _connection.Id, e.Message);
        else Log.Failed(_logger, e, _connection.Id);
    }

    private static bool IsLoss(Exception e) => e is IOException or SocketException or OperationCanceledException or InvalidOperationException; // ObjectDisposedException is one of the last

    private static partial class Log
    {
        [LoggerMessage(1001, LogLevel.Debug, "Connection {ConnectionId} was lost: {Reason}")]
        public static partial void Lost(ILogger logger, string connectionId, string reason);

        [LoggerMessage(1002, LogLevel.Error, "Connection {ConnectionId} failed")]
        public static partial void Failed(ILogger logger, Exception exception, string connectionId);
    }
}
