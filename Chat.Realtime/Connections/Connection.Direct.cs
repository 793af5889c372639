using System.Buffers;
using Chat.Contracts;
using Chat.Realtime.Fanout;
using Chat.Realtime.Transport;

namespace Chat.Realtime.Connections;

/// <summary>
/// A connection on a <see cref="DirectSocket"/>: a frame is written by whoever sends it when nothing waits before it, and otherwise follows what waits.
/// So the order of frames is the order in which the lock was taken, whoever sends.
/// </summary>
public sealed partial class Connection
{
    // What waits leaves in writes of this size.
    private const int FlushBytes = 64 << 10;

    private DirectSocket? _socket;
    private byte[]? _pong; // the answer to the last ping that could not be answered at once
    private long _lastPing;

    /// <summary>
    /// Sends the events from index <paramref name="from"/> on, with one write where the socket takes them. Returns how many left with it, for whoever sends to many
    /// to count; those that wait are counted when they leave.
    /// </summary>
    internal int TrySend(EncodedEvents events, int from = 0)
    {
        lock (Subscriptions)
        {
            if (_closing) return 0;
            if (_socket is not null && _waiting is null) return Sent(events, from, _socket.Send(events.WireFrom(from)));
        }
        SendRest(events, from);
        return 0;
    }

    /// <summary>
    /// As <see cref="TrySend(EncodedEvents, int)"/>, with a send that <paramref name="ring"/> makes together with others: <see cref="EndSend"/> follows it, on the same thread, and until then nobody
    /// else can send. False when something waits, or somebody else just sends: waiting for one while others wait for this thread might never end.
    /// </summary>
    internal bool TryBeginSend(EncodedEvents events, int from, SendRing ring)
    {
        if (!Monitor.TryEnter(Subscriptions)) return false;
        if (_closing || _socket is null || _waiting is not null)
        {
            Monitor.Exit(Subscriptions);
            return false;
        }
        _socket.AddTo(ring, events.WireFrom(from));
        return true;
    }

    /// <summary>The kernel took <paramref name="sent"/> bytes, -1 when the connection is broken. Returns how many events that were.</summary>
    internal int EndSend(EncodedEvents events, int from, int sent)
    {
        try
        {
            return Sent(events, from, _socket!.Checked(sent));
        }
        finally
        {
            Monitor.Exit(Subscriptions);
        }
    }

    // Under the lock.
    private int Sent(EncodedEvents events, int from, int sent)
    {
        if (sent < 0) return 0; // broken: the transport ends the connection
        var left = 0;
        for (; from < events.Count && sent >= events.WireLengthOf(from); from++, left++) sent -= events.WireLengthOf(from);
        if (from == events.Count) return left;
        WaitToSend(new OutgoingFrame(events.PayloadOf(from), FrameKind.Event, events.AcceptedAtMsOf(from)), sent);
        SendRest(events, from + 1);
        return left;
    }

    private void SendRest(EncodedEvents events, int from)
    {
        while (from < events.Count && TrySend(events.PayloadOf(from), events.AcceptedAtMsOf(from))) from++;
    }

    /// <summary>Gives the connection a socket that it may write to until <see cref="Detach"/>; what waits leaves at once.</summary>
    internal void Attach(DirectSocket socket)
    {
        lock (Subscriptions)
        {
            _socket = socket;
            FlushWaiting();
        }
    }

    /// <summary>The direct socket is about to be closed: nobody writes to it any more.</summary>
    internal void Detach()
    {
        lock (Subscriptions)
        {
            _socket = null;
            _waiting = null;
            _closing = true;
            _replyRoom?.TrySetResult();
            _replyRoom = null;
        }
    }

    /// <summary>Whether more is to be read from the direct socket.</summary>
    internal void Read(bool read)
    {
        lock (Subscriptions) _socket?.Read(read);
    }

    /// <summary>The direct socket can take more.</summary>
    internal void Flush()
    {
        lock (Subscriptions)
        {
            if (_socket is not null) FlushWaiting();
        }
    }

    /// <summary>Answers a ping. While other frames wait only the last one is answered: a client cannot make the node hold pongs.</summary>
    internal void Pong(ReadOnlySpan<byte> payload)
    {
        IThreadPoolWorkItem? wake = null;
        lock (Subscriptions)
        {
            if (_closing || (_socket is null && !_writesControlFrames)) return;
            _pong = payload.ToArray();
            if (_socket is null) wake = StartWriting();
            else if (_waiting is null) FlushWaiting();
        }
        Wake(wake);
    }

    private void Ping()
    {
        IThreadPoolWorkItem? wake;
        lock (Subscriptions)
        {
            if (_closing || (_socket is null && !_writesControlFrames)) return;
            if (_lastPing != 0 && _time.GetElapsedTime(_lastPing).TotalMilliseconds < ProtocolLimits.HeartbeatMs) return;
            _lastPing = _time.GetTimestamp();
            wake = Send(new OutgoingFrame(default, FrameKind.Ping, 0));
        }
        Wake(wake);
    }

    private void WaitToSend(in OutgoingFrame frame, int sent)
    {
        _waiting = new WaitingFrames();
        _waiting.Add(frame, sent);
        _socket!.WaitForRoom(true);
    }

    // Everything that waits leaves in as few writes as it fits in; then the last ping's answer, and the close last.
    private void FlushWaiting()
    {
        var buffer = ArrayPool<byte>.Shared.Rent(FlushBytes);
        try
        {
            while (PrepareNext())
            {
                var filled = _waiting!.Fill(buffer);
                var sent = _socket!.Send(buffer.AsSpan(0, filled));
                if (sent < 0) return;
                if (sent > 0) Heard(); // whoever takes what it had no room for is alive, however long its answer to a ping stands in line
                for (var left = sent; _waiting.TryTakeSent(ref left, out var frame);)
                {
                    if (frame.Kind == FrameKind.Event) _socket.Delivered(frame.AcceptedAtMs);
                    else if (frame.Kind == FrameKind.Close) _socket.CloseSent = true;
                }
                TakeReplyRoom()?.TrySetResult();
                if (sent == filled) continue;
                _socket.WaitForRoom(true);
                return;
            }
            _waiting = null; // an idle connection holds no buffer
            _socket!.WaitForRoom(false);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    // False when there is nothing to write.
    private bool PrepareNext()
    {
        if (_waiting is { IsEmpty: false }) return true;
        if (!TryTakeControl(out var next)) return false;
        (_waiting ??= new WaitingFrames()).Add(next);
        return true;
    }

    // What comes when nothing waits: the last ping's answer, and the close last.
    private bool TryTakeControl(out OutgoingFrame frame)
    {
        frame = default;
        if (_pong is not null) frame = new OutgoingFrame(_pong, FrameKind.Pong, 0);
        else if (_closing && !_closeTaken) frame = new OutgoingFrame(WireFrames.ClosePayload(_close!.Code, _close.Reason), FrameKind.Close, 0);
        else return false;
        if (frame.Kind == FrameKind.Pong) _pong = null;
        else _closeTaken = true;
        return true;
    }
}
