using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Chat.Realtime.Transport;

/// <summary>
/// Sends on many sockets with one call of the kernel (io_uring): what one send costs beyond the kernel's own work for it is paid once for all of them. Each thread has one of its own, for
/// as long as it lives. Where there is none, as in a container that forbids it, who asks gets null and makes the calls one by one.
/// </summary>
internal sealed unsafe partial class SendRing
{
    /// <summary>Sends of one call.</summary>
    public const int Capacity = 64;

    private const int SetUp = 425, Enter = 426; // the same on every architecture that .NET runs on
    private const uint GetEvents = 1;
    private const uint Needed = 1 | 2 | 4 | 8; // one map for both rings, no completion is dropped, entries are read at once, and (as old as the last one) the operation itself
    private const byte SendOperation = 26;
    private const uint DontWait = 0x40, NoSignal = 0x4000;
    private const int Again = -11, Interrupted = -4;
    private const int InterruptedError = 4, NotPermittedError = 1, InvalidError = 22, NoSuchCallError = 38;
    private const int Broken = -1;
    private const int ReadWrite = 3, SharedAtOnce = 0x8001;
    private const nint RingsAt = 0, EntriesAt = 0x10000000;
    private static readonly void* Unmapped = (void*)-1;

    [ThreadStatic] private static SendRing? _own;
    private static volatile bool _isMissing = !OperatingSystem.IsLinux();

    private readonly int[] _sent = new int[Capacity];
    private readonly int _fd;
    private readonly Parameters _parameters;
    private readonly byte* _rings;
    private readonly nint _ringsLength;
    private readonly Entry* _entries;
    private int _count;

    private SendRing(int fd, in Parameters parameters, byte* rings, nint ringsLength, Entry* entries)
    {
        (_fd, _parameters, _ringsLength) = (fd, parameters, ringsLength);
        _rings = rings;
        _entries = entries;
    }

    ~SendRing() => Free();

    /// <summary>The ring of the calling thread; null where there is none.</summary>
    public static SendRing? OfThisThread
    {
        get
        {
            if (_isMissing) return null;
            return _own ??= Create();
        }
    }

    /// <summary>Adds a send, at most <see cref="Capacity"/> of them. <paramref name="data"/> stays where it is, and the descriptor open, until <see cref="Submit"/> returns.</summary>
    public void Add(int fd, ReadOnlySpan<byte> data)
    {
        var index = (At(_parameters.Submission.Tail) + (uint)_count) & (Capacity - 1);
        _entries[index] = new Entry
        {
            Operation = SendOperation,
            Descriptor = fd,
            Address = (ulong)Unsafe.AsPointer(ref MemoryMarshal.GetReference(data)),
            Length = (uint)data.Length,
            Flags = DontWait | NoSignal,
            UserData = (ulong)_count,
        };
        ((uint*)(_rings + _parameters.Submission.Array))[index] = index;
        _sent[_count++] = Broken;
    }

    /// <summary>Makes all sends; none waits. <see cref="SentOf"/> then says what became of each.</summary>
    public void Submit()
    {
        var (left, done) = (_count, 0);
        _count = 0;
        if (left == 0) return;
        Volatile.Write(ref At(_parameters.Submission.Tail), At(_parameters.Submission.Tail) + (uint)left);
        var count = left;
        while (done < count)
        {
            var taken = (int)syscall(Enter, _fd, left, count - done, (nint)GetEvents, 0, 0);
            var isInterrupted = taken < 0 && Marshal.GetLastPInvokeError() == InterruptedError;
            var completed = TakeCompletions();
            if (taken <= 0 && completed == 0 && !isInterrupted)
            {
                // What was not made counts as broken, and must not be made later: the ring goes, with what is in it, and so do all others in their time.
                (_own, _isMissing) = (null, true);
                Free();
                return;
            }
            left -= Math.Max(0, taken);
            done += completed;
        }
    }

    /// <summary>Bytes that the kernel took of the send added as number <paramref name="index"/>; -1 when the connection is broken.</summary>
    public int SentOf(int index) => _sent[index] switch
    {
        >= 0 and var sent => sent,
        Again or Interrupted => 0,
        _ => -1,
    };

    private static SendRing? Create()
    {
        Parameters parameters = default;
        var fd = (int)syscall(SetUp, Capacity, (nint)(&parameters), 0, 0, 0, 0);
        if (fd < 0)
        {
            // Otherwise descriptors or memory are short just now, and it may be there the next time.
            if (Marshal.GetLastPInvokeError() is NotPermittedError or InvalidError or NoSuchCallError) _isMissing = true;
            return null;
        }
        var length = (nint)Math.Max(
            parameters.Submission.Array + parameters.SubmissionEntries * sizeof(uint), parameters.Completion.Entries + parameters.CompletionEntries * (uint)sizeof(Completion));
        var rings = (byte*)mmap(0, length, ReadWrite, SharedAtOnce, fd, RingsAt);
        var entries = (Entry*)mmap(0, Capacity * sizeof(Entry), ReadWrite, SharedAtOnce, fd, EntriesAt);
        var ring = new SendRing(fd, parameters, rings, length, entries);
        if ((parameters.Features & Needed) == Needed && rings != Unmapped && entries != Unmapped) return ring;
        _isMissing |= (parameters.Features & Needed) != Needed;
        ring.Free();
        return null;
    }

    private void Free()
    {
        GC.SuppressFinalize(this);
        if (_rings != Unmapped) munmap(_rings, _ringsLength);
        if (_entries != Unmapped) munmap(_entries, Capacity * sizeof(Entry));
        Libc.Close(_fd);
    }

    private int TakeCompletions()
    {
        var head = At(_parameters.Completion.Head);
        var tail = Volatile.Read(ref At(_parameters.Completion.Tail));
        var count = (int)(tail - head);
        var completions = (Completion*)(_rings + _parameters.Completion.Entries);
        for (; head != tail; head++)
        {
            ref var completion = ref completions[head & (_parameters.CompletionEntries - 1)];
            _sent[completion.UserData] = completion.Result;
        }
        Volatile.Write(ref At(_parameters.Completion.Head), head);
        return count;
    }

    private ref uint At(uint offset) => ref *(uint*)(_rings + offset);

    [LibraryImport("libc", SetLastError = true)] private static partial nint syscall(nint number, nint a, nint b, nint c, nint d, nint e, nint f);
    [LibraryImport("libc")] private static partial void* mmap(nint address, nint length, int protection, int flags, int fd, nint offset);
    [LibraryImport("libc")] private static partial int munmap(void* address, nint length);

    // As in linux/io_uring.h.
    [StructLayout(LayoutKind.Explicit, Size = 64)]
    private struct Entry
    {
        [FieldOffset(0)] public byte Operation;
        [FieldOffset(4)] public int Descriptor;
        [FieldOffset(16)] public ulong Address;
        [FieldOffset(24)] public uint Length;
        [FieldOffset(28)] public uint Flags;
        [FieldOffset(32)] public ulong UserData;
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct Completion
    {
        public ulong UserData;
        public int Result;
        public uint Flags;
    }

    [StructLayout(LayoutKind.Explicit, Size = 120)]
    private struct Parameters
    {
        [FieldOffset(0)] public uint SubmissionEntries;
        [FieldOffset(4)] public uint CompletionEntries;
        [FieldOffset(20)] public uint Features;
        [FieldOffset(40)] public SubmissionOffsets Submission;
        [FieldOffset(80)] public CompletionOffsets Completion;
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct SubmissionOffsets
    {
        public uint Head, Tail, Mask, Entries, Flags, Dropped, Array;
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct CompletionOffsets
    {
        public uint Head, Tail, Mask, Count, Overflow, Entries, Flags;
    }
}
