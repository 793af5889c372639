using Chat.Realtime.Transport;

namespace Chat.Realtime.Connections;

/// <summary>The frames of one connection that wait for its transport, in order, and how much they are. Belongs to the connection's lock; exists only while something waits.</summary>
internal sealed class WaitingFrames
{
    private readonly Queue<OutgoingFrame> _frames = new();
    private int _headSent; // bytes of the first frame, header included, that have left

    public int EventCount { get; private set; }
    public int EventBytes { get; private set; }
    public long ReplyBytes { get; private set; }
    public bool IsEmpty => _frames.Count == 0;

    /// <summary>Adds a frame; of the first one <paramref name="sent"/> bytes may have left already.</summary>
    public void Add(in OutgoingFrame frame, int sent = 0)
    {
        if (sent > 0) _headSent = sent;
        _frames.Enqueue(frame);
        Count(frame, +1);
    }

    public OutgoingFrame Take()
    {
        var frame = _frames.Dequeue();
        Count(frame, -1);
        _headSent = 0;
        return frame;
    }

    /// <summary>Copies what is to leave next, as it stands on the wire; returns the number of bytes.</summary>
    public int Fill(Span<byte> buffer)
    {
        var filled = 0;
        var offset = _headSent;
        foreach (var frame in _frames)
        {
            filled += WireFrames.Copy(frame, offset, buffer[filled..]);
            offset = 0;
            if (filled == buffer.Length) break;
        }
        return filled;
    }

    /// <summary>Says that <paramref name="bytes"/> have left: takes the first frame if that was the rest of it, else notes how far it got.</summary>
    public bool TryTakeSent(ref int bytes, out OutgoingFrame frame)
    {
        frame = default;
        if (IsEmpty) return false;
        var rest = WireFrames.LengthOf(_frames.Peek()) - _headSent;
        if (bytes < rest)
        {
            _headSent += bytes;
            bytes = 0;
            return false;
        }
        bytes -= rest;
        frame = Take();
        return true;
    }

    /// <summary>Lets go of everything but a frame that has left in part: its rest must come before anything else.</summary>
    public void Forget()
    {
        var (head, sent) = _headSent > 0 ? (_frames.Peek(), _headSent) : (default, 0);
        _frames.Clear();
        (EventCount, EventBytes, ReplyBytes) = (0, 0, 0);
        if (sent > 0) Add(head, sent);
    }

    private void Count(in OutgoingFrame frame, int sign)
    {
        if (frame.Kind == FrameKind.Event)
        {
            EventCount += sign;
            EventBytes += sign * frame.Payload.Length;
        }
        else if (frame.Kind == FrameKind.Reply) ReplyBytes += sign * frame.Payload.Length;
    }
}
