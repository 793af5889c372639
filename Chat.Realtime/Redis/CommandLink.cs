using System.Buffers;
using System.Net;
using System.Net.Sockets;
using Chat.Data;
using Chat.Realtime.Transport;
using StackExchange.Redis;

namespace Chat.Realtime.Redis;

/// <summary>
/// One connection to one server, from its opening to its end: it never opens again. Commands leave in the order in which they came, with one write
/// per turn of the loop, and replies come on the loop: what follows them runs there, so it must not block.
/// </summary>
internal sealed class CommandLink : LoopHandler
{
    // Beyond these the server is too far behind to be given more.
    private const int MaxAwaited = 65_536;
    private const int MaxWaitingBytes = 32 << 20;
    // Buffers that grew beyond this are let go once they are empty.
    private const int KeptBytes = 1 << 20;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan QuietBeforePing = TimeSpan.FromSeconds(5);

    private readonly Lock _gate = new();
    private readonly Queue<RedisCall> _awaited = [];
    private readonly EventLoop _loop;
    private readonly Socket _socket;
    private readonly int _descriptor;
    private readonly TimeProvider _time;
    private readonly Action<CommandLink, string> _over;
    private readonly List<RedisCall> _answered = []; // on the loop
    private readonly Action _flushTurn;
    private ArrayBufferWriter<byte> _out = new();
    private int _sent;
    private bool _flushes; // in this turn of the loop or the next
    private bool _waitsForRoom;
    private bool _ended; // takes no more commands
    private bool _isOver;
    private long _heardAt;
    private bool _wasLate; // on the loop
    private byte[] _in = [];
    private int _received;

    /// <summary><paramref name="socket"/> is connected, does not block, and belongs to the link; <paramref name="over"/> is told once why it ended, on the loop.</summary>
    public CommandLink(EventLoop loop, Socket socket, EndPoint server, TimeProvider time, Action<CommandLink, string> over)
    {
        (_loop, _socket, _descriptor, Server, _time, _over) = (loop, socket, (int)socket.Handle, server, time, over);
        _flushTurn = FlushTurn;
        _loop.Post(Start);
    }

    public EndPoint Server { get; }

    /// <summary>Sends a command; null when the link has ended or its server is too far behind.</summary>
    public Task<RedisResult>? TryRun(in RedisCommand command)
    {
        var call = new RedisCall(_time.GetTimestamp());
        lock (_gate)
        {
            if (_ended || _awaited.Count >= MaxAwaited || _out.WrittenCount - _sent >= MaxWaitingBytes) return null;
            try
            {
                RespCommand.Write(_out, command);
            }
            catch
            {
                // Half a command has no meaning, and what came behind it would be taken for its rest.
                _ended = true;
                _loop.Post(() => EndNow("a command could not be written"));
                throw;
            }
            _awaited.Enqueue(call);
            if (!_flushes)
            {
                _flushes = true;
                if (_loop.IsCurrent) _loop.BeforeWaiting(_flushTurn);
                else _loop.Post(_flushTurn);
            }
        }
        return call.Task;
    }

    /// <summary>Ends the link: what is under way fails, and whether it was executed is unknown.</summary>
    public void End(string reason) => _loop.Post(() => EndNow(reason));

    public override void OnReady(uint events)
    {
        if ((events & Libc.Out) != 0)
        {
            lock (_gate) Flush();
        }
        if ((events & ~Libc.Out) != 0) Receive();
    }

    public override void OnFailed() => EndNow("it failed on our side");

    private void Start()
    {
        _heardAt = _time.GetTimestamp();
        _loop.AddTicker(Watch);
        if (!_loop.Watch(_descriptor, this, Libc.In)) EndNow("it cannot be watched");
    }

    private void FlushTurn()
    {
        lock (_gate)
        {
            _flushes = false;
            Flush();
        }
    }

    // Under the lock. What cannot be written any more is found by the loop, which then sees the end of the connection.
    private void Flush()
    {
        if (_ended) return;
        var sent = Libc.Send(_descriptor, _out.WrittenSpan[_sent..]);
        if (sent < 0) return;
        _sent += sent;
        var isAll = _sent == _out.WrittenCount;
        if (isAll)
        {
            if (_out.Capacity > KeptBytes) _out = new ArrayBufferWriter<byte>();
            else _out.ResetWrittenCount();
            _sent = 0;
        }
        // While the server is behind, something always waits: what has left is let go all the same.
        else if (_sent > KeptBytes && _sent > _out.WrittenCount / 2)
        {
            var rest = new ArrayBufferWriter<byte>(_out.WrittenCount);
            rest.Write(_out.WrittenSpan[_sent..]);
            (_out, _sent) = (rest, 0);
        }
        if (_waitsForRoom != isAll) return;
        _waitsForRoom = !isAll;
        _loop.Change(_descriptor, this, Libc.In | (_waitsForRoom ? Libc.Out : 0));
    }

    private void Receive()
    {
        _heardAt = _time.GetTimestamp();
        var buffer = _loop.Buffer;
        int count;
        do
        {
            count = Libc.Receive(_descriptor, buffer);
            if (count < 0)
            {
                EndNow("the server closed it");
                return;
            }
            try
            {
                Take(buffer[..count]);
            }
            catch (FormatException e)
            {
                EndNow($"it does not speak as Redis does: {e.Message}");
                return;
            }
            Answer();
        }
        while (count == buffer.Length);
    }

    // Replies are read where they are; only the beginning of one that is not complete is kept.
    private void Take(ReadOnlySpan<byte> bytes)
    {
        if (_received == 0)
        {
            Read(ref bytes);
            Keep(bytes);
            return;
        }
        Keep(bytes);
        ReadOnlySpan<byte> kept = _in.AsSpan(0, _received);
        Read(ref kept);
        kept.CopyTo(_in);
        _received = kept.Length;
        if (_received == 0 && _in.Length > KeptBytes) _in = [];
    }

    private void Keep(ReadOnlySpan<byte> bytes)
    {
        if (bytes.IsEmpty) return;
        if (_received + bytes.Length > RespReply.MaxBytes) throw new FormatException("a reply without an end");
        if (_received + bytes.Length > _in.Length) Array.Resize(ref _in, Math.Max(_received + bytes.Length, _in.Length * 2));
        bytes.CopyTo(_in.AsSpan(_received));
        _received += bytes.Length;
    }

    private void Read(ref ReadOnlySpan<byte> bytes)
    {
        while (RespReply.TryRead(ref bytes, out var reply, out var error))
        {
            RedisCall? call;
            lock (_gate)
            {
                if (!_awaited.TryDequeue(out call)) throw new FormatException("a reply that nobody asked for");
            }
            (call.Reply, call.Error) = (reply, error);
            _answered.Add(call);
        }
    }

    // Outside of the lock: what follows a reply may send the next command.
    private void Answer()
    {
        foreach (var call in _answered)
        {
            // It has become somebody's replica: the client library finds out who the master is.
            if (call.Error?.StartsWith("READONLY", StringComparison.Ordinal) == true) End("it does not write any more");
            if (call.Error is { } error) call.TrySetException(new RedisServerException(RedisErrorKind.Unknown, CommandFlags.None, error));
            else call.TrySetResult(call.Reply!);
        }
        _answered.Clear();
    }

    private void Watch()
    {
        if (IsLate()) Receive(); // the loop may be behind, and not the server
        var isLate = IsLate();
        // Of what the loop has only just written, behind as it was, the answer comes before the next look.
        if (isLate && _wasLate) EndNow($"no answer for {Patience.TotalSeconds} s");
        // A connection that was cut silently is found by this, and not by somebody's command.
        else if (_time.GetElapsedTime(_heardAt) > QuietBeforePing) _ = TryRun(new RedisCommand("PING", [], [], [])); // no answer is what counts
        _wasLate = isLate;
    }

    private bool IsLate()
    {
        lock (_gate) return _awaited.TryPeek(out var first) && _time.GetElapsedTime(first.AskedAt) > Patience;
    }

    private void EndNow(string reason)
    {
        RedisCall[] lost;
        lock (_gate)
        {
            if (_isOver) return;
            _ended = _isOver = true;
            lost = [.. _awaited];
            _awaited.Clear();
        }
        _loop.RemoveTicker(Watch);
        _loop.Forget(_descriptor);
        _socket.Dispose();
        Answer();
        reason = $"The connection to Redis at {Server} is lost: {reason}";
        foreach (var call in lost) call.TrySetException(new RedisConnectionException(ConnectionFailureType.SocketFailure, CommandFlags.None, reason));
        _over(this, reason);
    }

    // What awaits it runs where the reply came: that is the point of this link.
    private sealed class RedisCall(long askedAt) : TaskCompletionSource<RedisResult>
    {
        public long AskedAt => askedAt;
        public RedisResult? Reply { get; set; }
        public string? Error { get; set; }
    }
}
