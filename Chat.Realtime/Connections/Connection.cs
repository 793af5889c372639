using Chat.Contracts;
using Chat.Realtime.Auth;
using Chat.Realtime.Fanout;

namespace Chat.Realtime.Connections;

/// <summary>
/// One client connection. Frames leave in the order of <see cref="TrySend"/>; its queue is bounded, and over the bound it is closed with 4408.
/// A connection never blocks who sends to it and never drops a durable event silently: either the event leaves or the connection closes.
/// It knows no socket: a transport attaches itself, is woken when there is something to write, and takes it with <see cref="TryTake"/>.
/// </summary>
public sealed class Connection(string id, ConnectedUser user, ConnectionOptions? options = null, TimeProvider? time = null)
{
    // Replies are asked for and so not counted against the bound of events, but nobody may make the node hold more than this.
    private const int ReplyBoundFactor = 16;

    private readonly ConnectionOptions _options = options ?? new ConnectionOptions();
    private readonly TimeProvider _time = time ?? TimeProvider.System;
    private readonly Lock _gate = new();
    private Queue<OutgoingFrame>? _queue; // null while nothing waits
    private int _eventBytes;
    private int _eventCount;
    private long _replyBytes;
    private TaskCompletionSource? _replyRoom;
    private IThreadPoolWorkItem? _writer;
    private Action? _abort;
    private bool _writing;
    private bool _closing;
    private bool _closeTaken;
    private long _closeDeadline;
    private long _lastHeard = (time ?? TimeProvider.System).GetTimestamp();

    public string Id { get; } = id;

    /// <summary>Replaced by <c>authenticate</c>.</summary>
    public ConnectedUser User { get; internal set; } = user;

    /// <summary>The rooms that it is subscribed to.</summary>
    internal ConnectionSubscriptions Subscriptions { get; } = new();

    /// <summary>The code and reason of the close that is under way, once there is one.</summary>
    internal (int Code, string Reason)? ClosedWith { get; private set; }

    internal bool IsClosing => Volatile.Read(ref _closing);

    /// <summary>Queues one encoded text message; false when the connection is closing.</summary>
    public bool TrySend(ReadOnlyMemory<byte> message) => TrySend(message, acceptedAtMs: 0);

    /// <summary>As <see cref="TrySend(ReadOnlyMemory{byte})"/>; <paramref name="acceptedAtMs"/> is the event's timestamp in Unix milliseconds, 0 for none.</summary>
    internal bool TrySend(ReadOnlyMemory<byte> message, long acceptedAtMs)
    {
        IThreadPoolWorkItem? wake;
        var queued = true;
        lock (_gate)
        {
            if (_closing) return false;
            if (_eventCount >= _options.MaxQueuedEvents || (_eventCount > 0 && _eventBytes + message.Length > _options.MaxQueuedBytes))
            {
                // The client recovers what it misses from its last seq; what waits here would only delay the close frame.
                ForgetQueue();
                wake = BeginClose(CloseCodes.SlowConsumer, "slow consumer");
                queued = false;
            }
            else
            {
                _eventCount++;
                _eventBytes += message.Length;
                wake = Enqueue(new OutgoingFrame(message, FrameKind.Event, acceptedAtMs));
            }
        }
        Wake(wake);
        return queued;
    }

    /// <summary>Queues what may be lost: dropped when half of the bound is taken.</summary>
    internal void TrySendEphemeral(ReadOnlyMemory<byte> message)
    {
        lock (_gate)
        {
            if (_eventCount > _options.MaxQueuedEvents / 2 || _eventBytes > _options.MaxQueuedBytes / 2) return;
        }
        TrySend(message, acceptedAtMs: 0);
    }

    /// <summary>Queues the reply to a command.</summary>
    internal void Reply(ReadOnlyMemory<byte> message)
    {
        IThreadPoolWorkItem? wake;
        lock (_gate)
        {
            if (_closing) return;
            if (_replyBytes > (long)_options.MaxQueuedReplyBytes * ReplyBoundFactor)
            {
                ForgetQueue();
                wake = BeginClose(CloseCodes.SlowConsumer, "slow consumer");
            }
            else
            {
                _replyBytes += message.Length;
                wake = Enqueue(new OutgoingFrame(message, FrameKind.Reply, 0));
            }
        }
        Wake(wake);
    }

    /// <summary>Starts the close handshake with a code of <see cref="CloseCodes"/>; what is queued before it is still sent.</summary>
    public void Close(int code, string reason)
    {
        IThreadPoolWorkItem? wake;
        lock (_gate)
        {
            if (_closing) return;
            wake = BeginClose(code, reason);
        }
        Wake(wake);
    }

    /// <summary>As <see cref="Close"/>, of a connection that is not let in: what is queued, the welcome too, does not leave.</summary>
    internal void Refuse(int code, string reason)
    {
        IThreadPoolWorkItem? wake;
        lock (_gate)
        {
            if (_closing) return;
            ForgetQueue();
            wake = BeginClose(code, reason);
        }
        Wake(wake);
    }

    /// <summary>Completes when so few replies wait that another command may be read.</summary>
    internal Task WhenRepliesDrainAsync()
    {
        lock (_gate)
        {
            if (_closing || _replyBytes <= _options.MaxQueuedReplyBytes) return Task.CompletedTask;
            _replyRoom ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            return _replyRoom.Task;
        }
    }

    /// <summary>Gives the connection its socket: <paramref name="writer"/> is queued to the pool when there is something to take and it is not running.</summary>
    internal void Attach(IThreadPoolWorkItem writer, Action abort)
    {
        IThreadPoolWorkItem? wake = null;
        lock (_gate)
        {
            _writer = writer;
            _abort = abort;
            if (_queue is { Count: > 0 } || _closing)
            {
                _writing = true;
                wake = writer;
            }
        }
        Wake(wake);
    }

    /// <summary>The next frame for the writer, the close last. False: nothing waits, and the writer ends until it is woken.</summary>
    internal bool TryTake(out OutgoingFrame frame)
    {
        TaskCompletionSource? replyRoom = null;
        lock (_gate)
        {
            if (_queue is { Count: > 0 })
            {
                frame = _queue.Dequeue();
                if (frame.Kind == FrameKind.Event)
                {
                    _eventCount--;
                    _eventBytes -= frame.Payload.Length;
                }
                else
                {
                    _replyBytes -= frame.Payload.Length;
                    if (_replyBytes <= _options.MaxQueuedReplyBytes) (replyRoom, _replyRoom) = (_replyRoom, null);
                }
            }
            else if (_closing && !_closeTaken)
            {
                _closeTaken = true;
                frame = new OutgoingFrame(default, FrameKind.Close, 0);
            }
            else
            {
                _writing = false;
                _queue = null; // an idle connection holds no buffer
                frame = default;
                return false;
            }
        }
        replyRoom?.TrySetResult();
        return true;
    }

    /// <summary>Bytes arrived from the peer, be it only a pong.</summary>
    internal void Heard() => Volatile.Write(ref _lastHeard, _time.GetTimestamp());

    /// <summary>What the clock decides: called about once a second for every connection.</summary>
    internal void Tick(DateTimeOffset now)
    {
        if (IsClosing)
        {
            if (_time.GetTimestamp() > Volatile.Read(ref _closeDeadline)) Volatile.Read(ref _abort)?.Invoke();
        }
        else if (User.ExpiresAt <= now) Close(CloseCodes.SessionExpired, "session expired");
        else if (_time.GetElapsedTime(Volatile.Read(ref _lastHeard)) > _options.SilenceTimeout) Close(CloseCodes.GoingAway, "silent too long");
    }

    /// <summary>Cuts the socket without a handshake.</summary>
    internal void Abort() => Volatile.Read(ref _abort)?.Invoke();

    private IThreadPoolWorkItem? Enqueue(OutgoingFrame frame)
    {
        (_queue ??= new Queue<OutgoingFrame>()).Enqueue(frame);
        return StartWriting();
    }

    private IThreadPoolWorkItem? BeginClose(int code, string reason)
    {
        _closing = true;
        ClosedWith = (code, reason);
        _closeDeadline = _time.GetTimestamp() + (long)(_options.CloseTimeout.TotalSeconds * _time.TimestampFrequency);
        _replyRoom?.TrySetResult();
        _replyRoom = null;
        return StartWriting();
    }

    private IThreadPoolWorkItem? StartWriting()
    {
        if (_writing || _writer is null) return null;
        _writing = true;
        return _writer;
    }

    private void ForgetQueue()
    {
        _queue = null;
        _eventBytes = 0;
        _eventCount = 0;
        _replyBytes = 0;
    }

    // Outside the lock: a thread pool that is shutting down may run the item at once.
    private static void Wake(IThreadPoolWorkItem? writer)
    {
        if (writer is not null) ThreadPool.UnsafeQueueUserWorkItem(writer, preferLocal: false);
    }
}

/// <summary>What leaves a connection.</summary>
internal enum FrameKind
{
    Event,
    Reply,
    Close,
}

/// <summary>One frame for the writer; <paramref name="AcceptedAtMs"/> as Unix milliseconds, 0 for none.</summary>
internal readonly record struct OutgoingFrame(ReadOnlyMemory<byte> Payload, FrameKind Kind, long AcceptedAtMs);
