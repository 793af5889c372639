using System.Buffers;
using System.Net;
using Chat.Contracts;
using Chat.Realtime.Commands;
using Chat.Realtime.Connections;

namespace Chat.Realtime.Transport;

/// <summary>
/// Serves one <see cref="Connection"/> below Kestrel. The loop reads; whoever has something to say writes. While the peer is quiet it holds no buffer.
/// Whatever the peer does, the session ends: by a close handshake, or cut by the connection's clock.
/// </summary>
internal sealed class FastSession : DirectSocket, IThreadPoolWorkItem
{
    // A whole message arrives within this time of its first byte; one byte a second would hold a buffer for hours.
    private static readonly TimeSpan MessageTimeout = TimeSpan.FromSeconds(30);

    private readonly FastSessions _sessions;
    private readonly CommandLanes _lanes;
    private FrameReader? _reader; // null while nothing is incomplete
    private byte[]? _kept; // what was read and waits until more commands may be under way
    private int _keptLength;
    private bool _paused;
    private bool _deaf; // the peer broke the protocol: what it says has no meaning any more
    private bool _peerClosed;
    private bool _over;

    public FastSession(FastSessions sessions, Connection connection, IPAddress address, EventLoop loop, int fd) : base(loop, fd, sessions.Metrics, sessions.Time)
    {
        (_sessions, Connection, Address) = (sessions, connection, address);
        _lanes = new CommandLanes(connection, sessions.Dispatcher);
    }

    public Connection Connection { get; }

    /// <summary>Where the peer is counted.</summary>
    public IPAddress Address { get; }

    /// <summary>Takes over the socket, on the loop.</summary>
    public void Start()
    {
        Loop.Watch(Descriptor, this, Interest);
        Connection.Attach(this);
        FollowClose();
        if (_sessions.IsClosed) Connection.Abort();
    }

    public override void OnReady(uint events)
    {
        if ((events & Libc.Out) != 0)
        {
            Connection.Flush();
            FollowClose();
        }
        if (_over || (events & ~Libc.Out) == 0) return;
        if (!_paused) Read();
        else if ((events & (Libc.Error | Libc.HangUp)) != 0) End();
    }

    public override void OnFailed() => End();

    /// <summary>Ends the session on the pool: the loop waits for nobody.</summary>
    void IThreadPoolWorkItem.Execute() => _ = _sessions.EndAsync(this); // never throws

    /// <summary>Completes when no command of the connection is under way any more.</summary>
    public Task StopCommandsAsync() => _lanes.StopAsync();

    private void Read()
    {
        var count = Libc.Receive(Descriptor, Loop.Buffer);
        if (count < 0)
        {
            End();
            return;
        }
        if (count == 0) return;
        Connection.Heard();
        Feed(Loop.Buffer[..count]);
    }

    private void Feed(Span<byte> bytes)
    {
        if (_deaf) return;
        var reader = _reader ?? Loop.TakeReader();
        while (!_deaf && !_paused && reader.TryRead(ref bytes, out var frame)) Handle(frame);
        if (_paused) Keep(bytes);
        if (!_deaf && !reader.IsIdle && IsTooSlow(reader)) Refuse(CloseCodes.PolicyViolation, "message in too many pieces or too slow");
        if (_deaf || reader.IsIdle)
        {
            _reader = null;
            Loop.GiveBack(reader);
        }
        else _reader = reader;
        FollowClose();
    }

    private void Handle(in IncomingFrame frame)
    {
        switch (frame.Kind)
        {
            case IncomingKind.Text:
                if (Connection.IsClosing) break; // read on only to see the peer's own close frame
                _lanes.Enter(frame.Payload);
                PauseIfFull();
                break;
            case IncomingKind.Ping:
                Connection.Pong(frame.Payload);
                break;
            case IncomingKind.Close:
                // Ours follows with the same code, unless it was ours that came first.
                _peerClosed = _deaf = true;
                Connection.Close(frame.Code == 1005 ? CloseCodes.Normal : frame.Code, "");
                break;
            case IncomingKind.Violation:
                Refuse(frame.Code, frame.Reason);
                break;
            case IncomingKind.Pong:
                break; // that something was heard is what counts
        }
    }

    private void Refuse(int code, string reason)
    {
        _deaf = true;
        Connection.Close(code, reason);
    }

    private bool IsTooSlow(FrameReader reader)
    {
        if (reader.IncompleteSince != 0) return _sessions.Time.GetElapsedTime(reader.IncompleteSince) > MessageTimeout;
        reader.IncompleteSince = _sessions.Time.GetTimestamp();
        return false;
    }

    // Nothing more is read while too much is under way: the peer's own TCP window then stops it.
    private void PauseIfFull()
    {
        var room = _lanes.WhenRoomAsync();
        var drained = Connection.WhenRepliesDrainAsync();
        if (room.IsCompleted && drained.IsCompleted) return;
        _paused = true;
        Connection.Read(false);
        _ = ResumeAsync(room, drained); // never throws: the two only ever complete
    }

    private async Task ResumeAsync(Task room, Task drained)
    {
        await room;
        await drained;
        Loop.Post(Resume);
    }

    private void Resume()
    {
        if (_over) return;
        _paused = false;
        if (_kept is { } kept)
        {
            _kept = null;
            Feed(kept.AsSpan(0, _keptLength));
            ArrayPool<byte>.Shared.Return(kept);
        }
        if (!_over && !_paused) Connection.Read(true);
    }

    private void Keep(ReadOnlySpan<byte> bytes)
    {
        if (bytes.IsEmpty) return;
        _kept = ArrayPool<byte>.Shared.Rent(bytes.Length);
        _keptLength = bytes.Length;
        bytes.CopyTo(_kept);
    }

    // After the close frame has left: the socket closes when the peer's was seen; a peer that cannot be understood any more sees the end of our side.
    private void FollowClose()
    {
        if (_over || !CloseSent) return;
        if (_peerClosed) End();
        else if (_deaf) Libc.ShutDownSending(Descriptor);
    }

    private void End()
    {
        if (_over) return;
        _over = true;
        Connection.Detach();
        Loop.Forget(Descriptor);
        Libc.Close(Descriptor);
        if (_reader is not null) Loop.GiveBack(_reader);
        if (_kept is not null) ArrayPool<byte>.Shared.Return(_kept);
        (_reader, _kept) = (null, null);
        ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
    }
}
