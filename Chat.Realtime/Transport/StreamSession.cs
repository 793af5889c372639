using System.Buffers;
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
    // Bytes that nobody has read when a socket is closed make the kernel reset it, and the close frame is lost with it. So whoever broke the protocol is read until it is quiet.
    private static readonly TimeSpan Quiet = TimeSpan.FromSeconds(1);

    private readonly Connection _connection;
    private readonly Stream _stream;
    private readonly CommandLanes _lanes;
    private readonly FrameReader _frames = new();
    private readonly NodeMetrics _metrics;
    private readonly TimeProvider _time;
    private readonly Action _abort;
    private readonly ILogger _logger;
    // Completed when the writer has written the close frame or has failed.
    private readonly TaskCompletionSource _written = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private PeerSide _peer;
    private volatile bool _isGone; // the peer has ended its side without a close frame: it is told nothing more

    public StreamSession(Connection connection, Stream stream, CommandDispatcher dispatcher, NodeMetrics metrics, TimeProvider time, Action abort, ILogger logger)
    {
        (_connection, _stream, _metrics, _time, _abort, _logger) = (connection, stream, metrics, time, abort, logger);
        _lanes = new CommandLanes(connection, dispatcher);
    }

    /// <summary>Completes when the connection is closed.</summary>
    public async Task RunAsync(CancellationToken aborted)
    {
        _connection.Attach(this, _abort, writesControlFrames: true);
        try
        {
            await ReadAsync(aborted);
        }
        catch (Exception e) when (e is IOException or OperationCanceledException or ObjectDisposedException)
        {
            Log.Lost(_logger, _connection.Id, e.Message);
            _isGone = true;
        }
        if (_isGone) _connection.Close(CloseCodes.ProtocolError, "ended without a close frame");
        await _written.Task;
    }

    /// <summary>Completes when no command of the connection is under way any more.</summary>
    public async ValueTask DisposeAsync()
    {
        _frames.Release();
        await _lanes.StopAsync();
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
                if (frame.Kind != FrameKind.Close || !_isGone) await WriteAsync(frame);
                if (frame.Kind == FrameKind.Event) _metrics.Delivered(1, frame.AcceptedAtMs, _time.GetUtcNow());
                else if (frame.Kind == FrameKind.Close) _written.TrySetResult();
            }
        }
        catch (Exception e)
        {
            if (e is IOException or OperationCanceledException or ObjectDisposedException or InvalidOperationException) Log.Lost(_logger, _connection.Id, e.Message);
            else Log.WriterFailed(_logger, e, _connection.Id);
            _written.TrySetResult();
            _abort();
        }
    }

    private async ValueTask WriteAsync(OutgoingFrame frame)
    {
        var buffer = ArrayPool<byte>.Shared.Rent(WireFrames.LengthOf(frame));
        try
        {
            await _stream.WriteAsync(buffer.AsMemory(0, WireFrames.Copy(frame, 0, buffer)));
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
            await WhenRoomAsync();
            _ = await _stream.ReadAsync(Memory<byte>.Empty, aborted); // waits without a buffer
            var buffer = ArrayPool<byte>.Shared.Rent(ReadBytes);
            try
            {
                var count = await _stream.ReadAsync(buffer, aborted);
                if (count == 0)
                {
                    _isGone = true;
                    return;
                }
                _connection.Heard();
                await FeedAsync(buffer.AsMemory(0, count));
            }
            finally
            {
                ArrayPool<byte>.Shared.Return(buffer);
            }
        }
        if (_peer == PeerSide.Broken) await ReadToQuietAsync(aborted);
    }

    private async Task FeedAsync(Memory<byte> bytes)
    {
        while (TryHandle(ref bytes)) await WhenRoomAsync();
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
    private async ValueTask WhenRoomAsync()
    {
        await _lanes.WhenRoomAsync();
        await _connection.WhenRepliesDrainAsync();
    }

    private async Task ReadToQuietAsync(CancellationToken aborted)
    {
        var buffer = ArrayPool<byte>.Shared.Rent(ReadBytes);
        try
        {
            while (true)
            {
                using var quiet = new CancellationTokenSource(Quiet, _time);
                using var either = CancellationTokenSource.CreateLinkedTokenSource(quiet.Token, aborted);
                if (await _stream.ReadAsync(buffer, either.Token) == 0) return;
            }
        }
        catch (OperationCanceledException) when (!aborted.IsCancellationRequested)
        {
            return; // quiet
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
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
