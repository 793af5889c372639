using System.Buffers;
using Chat.Realtime.Connections;

namespace Chat.Realtime.Transport;

/// <summary>
/// The sending side of a connection below Kestrel: a write goes to the kernel on the thread that makes it, and never waits. All of it belongs to the
/// lock of the <see cref="Connection"/> that it is attached to, which lets go of it before the descriptor is closed. The receiving side is the loop's.
/// </summary>
internal abstract class DirectSocket(EventLoop loop, int fd, NodeMetrics metrics, TimeProvider time) : LoopHandler
{
    private const int StackBytes = 1_024;
    private bool _reading = true;
    private bool _waitsForRoom;

    protected EventLoop Loop => loop;

    protected int Descriptor => fd;

    /// <summary>The close frame has left.</summary>
    public bool CloseSent { get; set; }

    /// <summary>Bytes that the kernel took; -1 when the connection is broken: it is shut down then, and the loop ends it.</summary>
    public int Send(ReadOnlySpan<byte> wire) => Checked(Libc.Send(fd, wire));

    /// <summary>As <see cref="Send(ReadOnlySpan{byte})"/>, made by the ring together with others; what it says of it goes to <see cref="Checked"/>.</summary>
    public void AddTo(SendRing ring, ReadOnlySpan<byte> wire) => ring.Add(fd, wire);

    /// <summary>Answers <paramref name="sent"/>. Whatever kept the kernel from taking the bytes, nothing may follow them: the client comes back for what it has missed.</summary>
    public int Checked(int sent)
    {
        if (sent < 0) ShutDown();
        return sent;
    }

    /// <summary>As <see cref="Send(ReadOnlySpan{byte})"/>, for a frame that has no header yet; the header counts.</summary>
    public int Send(in OutgoingFrame frame)
    {
        var length = WireFrames.LengthOf(frame);
        byte[]? rented = null;
        var wire = length <= StackBytes ? stackalloc byte[StackBytes] : rented = ArrayPool<byte>.Shared.Rent(length);
        try
        {
            return Send(wire[..WireFrames.Copy(frame, 0, wire)]);
        }
        finally
        {
            if (rented is not null) ArrayPool<byte>.Shared.Return(rented);
        }
    }

    /// <summary>Whether the loop is to say when the kernel takes more.</summary>
    public void WaitForRoom(bool wait)
    {
        if (_waitsForRoom == wait) return;
        _waitsForRoom = wait;
        loop.Change(fd, this, Interest);
    }

    /// <summary>Whether the loop is to say when bytes arrive.</summary>
    public void Read(bool read)
    {
        if (_reading == read) return;
        _reading = read;
        loop.Change(fd, this, Interest);
    }

    public uint Interest => (_reading ? Libc.In : 0) | (_waitsForRoom ? Libc.Out : 0);

    /// <summary>An event has left.</summary>
    public void Delivered(long acceptedAtMs) => metrics.Delivered(1, acceptedAtMs, time.GetUtcNow());

    /// <summary>The loop then sees the end of the connection.</summary>
    public void ShutDown() => Libc.ShutDown(fd);
}
