using System.Net.Sockets;
using System.Threading.Tasks.Sources;

namespace Chat.Realtime.Transport;

/// <summary>
/// A connected socket as a stream whose reads complete on the loop, where also what follows them runs: it must not block. One read and one write at a time. It reads only when
/// somebody waits for it, and once per turn of the loop.
/// </summary>
internal sealed class LoopStream : Stream, IValueTaskSource<int>
{
    private readonly Lock _gate = new();
    private readonly EventLoop _loop;
    private readonly Socket _socket;
    private readonly Handler _handler;
    private ManualResetValueTaskSourceCore<int> _read; // what awaits it runs where it completes
    private CancellationTokenRegistration _cancellation;
    private Memory<byte> _buffer;
    private bool _isReading;
    private TaskCompletionSource? _room;
    private uint _interest;
    private bool _isWatched;
    private bool _isOver; // nothing more will be read

    /// <summary><paramref name="socket"/> is connected, does not block, and belongs to the stream.</summary>
    public LoopStream(EventLoop loop, Socket socket)
    {
        (_loop, _socket, _handler) = (loop, socket, new Handler(this, (int)socket.Handle));
        _loop.Post(Start);
    }

    public override bool CanRead => true;
    public override bool CanWrite => true;
    public override bool CanSeek => false;
    public override long Length => throw new NotSupportedException();
    public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

    public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        lock (_gate)
        {
            if (_isOver) return ValueTask.FromResult(0);
            _read.Reset();
            (_buffer, _isReading) = (buffer, true);
        }
        var version = _read.Version;
        _cancellation = cancellationToken.UnsafeRegister(static (stream, token) => ((LoopStream)stream!).Cancel(token), this);
        lock (_gate) Follow();
        return new ValueTask<int>(this, version);
    }

    public override async ValueTask WriteAsync(ReadOnlyMemory<byte> data, CancellationToken cancellationToken = default)
    {
        while (!data.IsEmpty)
        {
            Task room;
            lock (_gate)
            {
                var sent = _isOver ? -1 : Libc.Send(_handler.Descriptor, data.Span);
                if (sent < 0) throw new IOException("the connection is broken");
                data = data[sent..];
                if (data.IsEmpty) return;
                _room = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
                room = _room.Task;
                Follow();
            }
            await room.WaitAsync(cancellationToken);
        }
    }

    public override Task FlushAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public override void Flush()
    {
    }

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();
    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();
    public override void SetLength(long value) => throw new NotSupportedException();

    int IValueTaskSource<int>.GetResult(short token)
    {
        _cancellation.Dispose(); // waits for a cancellation that is under way, so the next read is not cancelled by it
        return _read.GetResult(token);
    }

    ValueTaskSourceStatus IValueTaskSource<int>.GetStatus(short token) => _read.GetStatus(token);

    void IValueTaskSource<int>.OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _read.OnCompleted(continuation, state, token, flags);

    protected override void Dispose(bool disposing)
    {
        if (disposing) _loop.Post(End);
        base.Dispose(disposing);
    }

    private void Start()
    {
        lock (_gate)
        {
            if (_isOver) return;
            _isWatched = _loop.Watch(_handler.Descriptor, _handler, _interest);
            if (_isWatched) return;
        }
        End();
    }

    private void OnReady(uint events)
    {
        TaskCompletionSource? room = null;
        int? count = null;
        lock (_gate)
        {
            if ((events & Libc.Out) != 0) (room, _room) = (_room, null);
            if ((events & ~Libc.Out) != 0 && !_isOver)
            {
                if (_isReading)
                {
                    var received = Libc.Receive(_handler.Descriptor, _buffer.Span);
                    if (received != 0) (_isReading, _buffer, count) = (false, default, Math.Max(0, received));
                    if (received < 0) Leave();
                }
                // Told of without being asked for: it is gone, and the loop would be told again and again.
                else if ((events & (Libc.Error | Libc.HangUp)) != 0) Leave();
            }
        }
        room?.TrySetResult();
        if (count is { } read) _read.SetResult(read);
        // Only now: as a rule whoever got the bytes waits for the next ones already, and nothing has changed.
        lock (_gate) Follow();
    }

    private void Cancel(CancellationToken token)
    {
        lock (_gate)
        {
            if (!_isReading) return;
            (_isReading, _buffer) = (false, default);
        }
        _read.SetException(new OperationCanceledException(token));
    }

    private void End()
    {
        bool isReading;
        TaskCompletionSource? room;
        lock (_gate)
        {
            Leave();
            _socket.Dispose();
            (isReading, _isReading, _buffer) = (_isReading, false, default);
            (room, _room) = (_room, null);
        }
        room?.TrySetResult(); // the write finds that it is over
        if (isReading) _read.SetResult(0);
    }

    // Under the lock, on the loop.
    private void Leave()
    {
        if (_isWatched) _loop.Forget(_handler.Descriptor);
        (_isWatched, _isOver) = (false, true);
    }

    // Under the lock: the loop is asked for what somebody waits for.
    private void Follow()
    {
        var interest = (_isReading ? Libc.In : 0) | (_room is null ? 0 : Libc.Out);
        if (interest == _interest) return;
        _interest = interest;
        if (_isWatched) _loop.Change(_handler.Descriptor, _handler, interest);
    }

    private sealed class Handler(LoopStream stream, int descriptor) : LoopHandler
    {
        public int Descriptor => descriptor;
        public override void OnReady(uint events) => stream.OnReady(events);
        public override void OnFailed() => stream.End();
    }
}
