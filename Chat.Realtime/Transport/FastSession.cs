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
    private readonly FastSessions _sessions;
    private readonly CommandLanes _lanes;
    private FrameReader? _reader; // null while nothing is incomplete
    private byte[]? _kept; // what was read and waits until more commands may be under way
    private int _keptLength;
    private bool _paused;
    private PeerSide _peer;
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
        if (_peer != PeerSide.Speaks) return;
        var reader = _reader ?? Loop.TakeReader();
        while (_peer == PeerSide.Speaks && !_paused && reader.TryRead(ref bytes, out var frame)) Handle(frame);
        if (_paused) Keep(bytes);
        if (_peer == PeerSide.Speaks && reader.IsTooSlow(_sessions.Time)) _peer = PeerFrames.RefuseTooSlow(Connection);
        if (_peer != PeerSide.Speaks || reader.IsIdle)
        {
            _reader = null;
            Loop.GiveBack(reader);
        }
        else _reader = reader;
        FollowClose();
    }

    private void Handle(in IncomingFrame frame)
    {
        _peer = PeerFrames.Handle(frame, Connection, _lanes);
        if (frame.Kind == IncomingKind.Text) PauseIfFull();
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
        if (_peer == PeerSide.Closed) End();
        else if (_peer == PeerSide.Broken) Libc.ShutDownSending(Descriptor);
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
