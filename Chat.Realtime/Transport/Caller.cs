using System.Net;

namespace Chat.Realtime.Transport;

/// <summary>
/// A connection of which it is not known yet what it wants. Its bytes stay in the kernel until the head of its request is complete and is a WebSocket
/// upgrade of <c>/ws</c>; then it is admitted or refused while the loop keeps the socket. All on the loop, except what its handshake sends.
/// </summary>
internal sealed class Caller : LoopHandler
{
    /// <summary>Edges: bytes that stay in the kernel would be reported for ever otherwise.</summary>
    public const uint Interest = Libc.In | Libc.PeerHangUp | Libc.Edge;

    private const long HeadTimeoutMs = 10_000;
    private const long LingerTimeoutMs = 2_000;

    private readonly FrontDoor _door;
    private readonly int _fd;
    private State _state;
    private long _deadline = Environment.TickCount64 + HeadTimeoutMs;

    public Caller(FrontDoor door, int fd, IPEndPoint peer)
    {
        (_door, _fd, Peer) = (door, fd, peer);
        Place = new LinkedListNode<Caller>(this);
    }

    private enum State
    {
        Speaking,
        Handshaking,
        Lingering,
        Gone,
    }

    public IPEndPoint Peer { get; }

    /// <summary>Its place among the callers of the door. Belongs to <see cref="FrontDoor"/>.</summary>
    public LinkedListNode<Caller> Place { get; }

    public bool IsOverdue => Environment.TickCount64 >= _deadline;

    public override void OnReady(uint events)
    {
        if (_state == State.Speaking) Look((events & (Libc.PeerHangUp | Libc.HangUp | Libc.Error)) != 0);
        else if (_state == State.Lingering) Discard();
        // While its handshake runs, its end waits: the session sees it first thing.
    }

    public override void OnFailed() => Close();

    public void GoToKestrel()
    {
        _state = State.Gone;
        _door.HandToKestrel(this, _fd);
    }

    public void Close()
    {
        if (_state == State.Gone) return;
        _state = State.Gone;
        _door.Leave(this);
        _door.Loop.Forget(_fd);
        Libc.Close(_fd);
    }

    /// <summary>For the handshake: the peer has gone.</summary>
    public bool IsGone
    {
        get
        {
            Span<byte> next = stackalloc byte[1];
            return Libc.Peek(_fd, next) < 0;
        }
    }

    /// <summary>For the handshake: sends without waiting; false when the peer is gone or does not take so little.</summary>
    public bool TrySend(ReadOnlySpan<byte> bytes) => Libc.Send(_fd, bytes) == bytes.Length;

    /// <summary>For the handshake, as its last word: the peer gets what was sent and the end, and time to read both.</summary>
    public void Dismiss() => _door.Loop.Post(() =>
    {
        Libc.ShutDownSending(_fd);
        _state = State.Lingering;
        _deadline = Environment.TickCount64 + LingerTimeoutMs;
        _door.LetLinger(this);
        if (_state == State.Lingering) Discard();
    });

    /// <summary>For the handshake, as its last word: the socket is the session's, made by <paramref name="session"/>.</summary>
    public void Become(Func<EventLoop, int, FastSession> session) => _door.Loop.Post(() =>
    {
        _state = State.Gone;
        session(_door.Loop, _fd).Start();
    });

    private void Look(bool isEnding)
    {
        var buffer = _door.Loop.Buffer[..(RequestHead.MaxBytes + 1)];
        var length = Libc.Peek(_fd, buffer);
        if (length < 0)
        {
            Close();
            return;
        }
        switch (RequestHead.Read(buffer[..length], out var head))
        {
            case HeadVerdict.Ours when _door.Handshakes.TryBegin():
                Libc.Receive(_fd, buffer[..head!.Length]); // exactly what was seen
                _state = State.Handshaking;
                _door.Leave(this);
                _door.Handshakes.Run(this, head);
                break;
            case HeadVerdict.Incomplete when !isEnding:
                break;
            default:
                GoToKestrel();
                break;
        }
    }

    private void Discard()
    {
        while (Libc.Receive(_fd, _door.Loop.Buffer) is var count && count != 0)
        {
            if (count > 0) continue;
            Close();
            return;
        }
    }
}
