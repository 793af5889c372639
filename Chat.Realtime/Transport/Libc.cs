using System.Buffers.Binary;
using System.Net;
using System.Runtime.InteropServices;

namespace Chat.Realtime.Transport;

/// <summary>The few calls of Linux that the loop needs; sockets are plain descriptors here, owned by whoever may close them.</summary>
internal static unsafe partial class Libc
{
    public const uint In = 1, Out = 4, Error = 8, HangUp = 0x10, PeerHangUp = 0x2000, Edge = 1u << 31;

    private const int Again = 11, Interrupted = 4, TooManyFilesInSystem = 23, TooManyFiles = 24;
    private const int NonBlocking = 0x800, CloseOnExec = 0x80000, DontWait = 0x40, NoSignal = 0x4000, PeekFlag = 2;
    private const int AddressBytes = 28; // sockaddr_in6
    private const int Internet6 = 10;

    // struct epoll_event is packed on x64 and nowhere else.
    public static readonly int EventSize = RuntimeInformation.ProcessArchitecture == Architecture.X64 ? 12 : 16;
    private static readonly int DataOffset = EventSize - sizeof(ulong);

    public static int CreatePoll() => epoll_create1(CloseOnExec);

    public static int CreateWakeUp() => eventfd(0, NonBlocking | CloseOnExec);

    public static void WakeUp(int fd)
    {
        ulong one = 1;
        write(fd, &one, sizeof(ulong)); // fails only when it is awake already
    }

    public static void TakeWakeUp(int fd)
    {
        ulong count;
        read(fd, &count, sizeof(ulong));
    }

    public static bool Add(int poll, int fd, uint events, ulong token) => Control(poll, 1, fd, events, token);

    public static void Remove(int poll, int fd) => Control(poll, 2, fd, 0, 0);

    public static void Modify(int poll, int fd, uint events, ulong token) => Control(poll, 3, fd, events, token);

    /// <summary>The number of events; 0 also when a signal came in between, -1 for a failure.</summary>
    public static int Wait(int poll, byte[] events, int max, int timeoutMs)
    {
        fixed (byte* to = events)
        {
            var count = epoll_wait(poll, to, max, timeoutMs);
            return count >= 0 ? count : Marshal.GetLastPInvokeError() == Interrupted ? 0 : -1;
        }
    }

    public static (uint Events, ulong Token) EventAt(byte[] events, int index)
    {
        var entry = events.AsSpan(index * EventSize);
        return (MemoryMarshal.Read<uint>(entry), MemoryMarshal.Read<ulong>(entry[DataOffset..]));
    }

    /// <summary>A new non-blocking connection; -1 when there is none now, -2 when descriptors are used up.</summary>
    public static int Accept(int listener, out IPEndPoint? peer)
    {
        peer = null;
        var address = stackalloc byte[AddressBytes];
        var size = AddressBytes;
        int fd;
        do fd = accept4(listener, address, &size, NonBlocking | CloseOnExec);
        while (fd < 0 && Marshal.GetLastPInvokeError() is Interrupted or 103); // 103: the peer was gone before it was accepted
        if (fd < 0) return Marshal.GetLastPInvokeError() is TooManyFiles or TooManyFilesInSystem ? -2 : -1;
        var one = 1;
        setsockopt(fd, 6, 1, &one, sizeof(int)); // TCP_NODELAY
        var bytes = new ReadOnlySpan<byte>(address, AddressBytes);
        var ip = MemoryMarshal.Read<ushort>(bytes) == Internet6
            ? new IPAddress(bytes.Slice(8, 16), MemoryMarshal.Read<uint>(bytes[24..]))
            : new IPAddress(bytes.Slice(4, 4));
        peer = new IPEndPoint(ip, BinaryPrimitives.ReadUInt16BigEndian(bytes[2..]));
        return fd;
    }

    /// <summary>Bytes received; 0 for none now, -1 at the end or when the connection is broken.</summary>
    public static int Receive(int fd, Span<byte> to) => Receive(fd, to, DontWait);

    /// <summary>As <see cref="Receive(int, Span{byte})"/>, and the bytes stay.</summary>
    public static int Peek(int fd, Span<byte> to) => Receive(fd, to, DontWait | PeekFlag);

    /// <summary>Bytes that the kernel took; 0 for none now, -1 when the connection is broken.</summary>
    public static int Send(int fd, ReadOnlySpan<byte> data)
    {
        fixed (byte* from = data)
        {
            var sent = send(fd, from, data.Length, DontWait | NoSignal);
            if (sent >= 0) return (int)sent;
            return Marshal.GetLastPInvokeError() is Again or Interrupted ? 0 : -1;
        }
    }

    public static void ShutDownSending(int fd) => shutdown(fd, 1);

    public static void ShutDown(int fd) => shutdown(fd, 2);

    public static void Close(int fd) => close(fd);

    private static int Receive(int fd, Span<byte> to, int flags)
    {
        fixed (byte* at = to)
        {
            var received = recv(fd, at, to.Length, flags);
            if (received > 0) return (int)received;
            return received < 0 && Marshal.GetLastPInvokeError() is Again or Interrupted ? 0 : -1;
        }
    }

    private static bool Control(int poll, int operation, int fd, uint events, ulong token)
    {
        var entry = stackalloc byte[16];
        *(uint*)entry = events;
        *(ulong*)(entry + DataOffset) = token;
        return epoll_ctl(poll, operation, fd, entry) == 0;
    }

    [LibraryImport("libc")] private static partial int epoll_create1(int flags);
    [LibraryImport("libc")] private static partial int epoll_ctl(int poll, int operation, int fd, byte* entry);
    [LibraryImport("libc", SetLastError = true)] private static partial int epoll_wait(int poll, byte* events, int max, int timeout);
    [LibraryImport("libc")] private static partial int eventfd(uint initial, int flags);
    [LibraryImport("libc")] private static partial nint read(int fd, void* to, nint length);
    [LibraryImport("libc")] private static partial nint write(int fd, void* from, nint length);
    [LibraryImport("libc")] private static partial int shutdown(int fd, int how);
    [LibraryImport("libc")] private static partial int close(int fd);
    [LibraryImport("libc")] private static partial int setsockopt(int fd, int level, int name, int* value, int size);
    [LibraryImport("libc", SetLastError = true)] private static partial int accept4(int fd, byte* address, int* size, int flags);
    [LibraryImport("libc", SetLastError = true)] private static partial nint recv(int fd, byte* to, nint length, int flags);
    [LibraryImport("libc", SetLastError = true)] private static partial nint send(int fd, byte* from, nint length, int flags);
}
