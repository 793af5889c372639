using Chat.Contracts;
using Chat.Realtime.Auth;
using Chat.Realtime.Fanout;
using Chat.Realtime.Transport;

namespace Chat.Realtime.Connections;

/// <summary>
/// One client connection. Frames leave in the order of <see cref="TrySend(ReadOnlyMemory{byte})"/>; what waits is bounded, and over the bound it is closed
/// with 4408. A connection never blocks who sends to it and never drops a durable event silently: either the event leaves or the connection closes.
/// A transport attaches itself in one of two ways: it is woken when there is something to write and takes it with <see cref="TryTake"/>, or it is a
/// <see cref="DirectSocket"/>, on which whoever sends writes at once, and only what the kernel does not take waits here.
/// </summary>
public sealed partial class Connection(Guid id, ConnectedUser user, ConnectionOptions? options = null, TimeProvider? time = null)
{
    // Replies are asked for and so not counted against the bound of events, but nobody may make the node hold more than this.
    private const int ReplyBoundFactor = 16;

    private readonly ConnectionOptions _options = options ?? new ConnectionOptions();
    private readonly TimeProvider _time = time ?? TimeProvider.System;
    private WaitingFrames? _waiting; // null while nothing waits
    private TaskCompletionSource? _replyRoom;
    private IThreadPoolWorkItem? _writer;
    private Action? _abort;
    private bool _writesControlFrames; // of the writer; a direct socket always does
    private bool _writing;
    private bool _closing;
    private bool _closeTaken;
    private Closing? _close;
    private long _lastHeard = (time ?? TimeProvider.System).GetTimestamp();

    /// <summary>32 hex digits. Asked for when it opens and when it is in trouble, so it is not kept as text.</summary>
    public string Id => id.ToString("N");

    /// <summary>Replaced by <c>authenticate</c>.</summary>
    public ConnectedUser User { get; internal set; } = user;

    /// <summary>The rooms that it is subscribed to. Also the lock of the connection: an idle connection does not pay for one of its own.</summary>
    internal ConnectionSubscriptions Subscriptions { get; } = new();

    /// <summary>Its place among all connections; -1 when it is not among them. Belongs to <see cref="ConnectionRegistry"/>.</summary>
    internal int Place { get; set; } = -1;

    /// <summary>The next older connection of its user. Belongs to <see cref="ConnectionRegistry"/>.</summary>
    internal Connection? OlderOfUser { get; set; }

    /// <summary>The code and reason of the close that is under way, once there is one.</summary>
    internal (int Code, string Reason)? ClosedWith => Volatile.Read(ref _close) is { } close ? (close.Code, close.Reason) : null;

    internal bool IsClosing => Volatile.Read(ref _closing);

    /// <summary>Queues one encoded text message; false when the connection is closing.</summary>
    public bool TrySend(ReadOnlyMemory<byte> message) => TrySend(message, acceptedAtMs: 0);

    /// <summary>As <see cref="TrySend(ReadOnlyMemory{byte})"/>; <paramref name="acceptedAtMs"/> is the event's timestamp in Unix milliseconds, 0 for none.</summary>
    internal bool TrySend(ReadOnlyMemory<byte> message, long acceptedAtMs)
    {
        IThreadPoolWorkItem? wake;
        var queued = true;
        lock (Subscriptions)
        {
            if (_closing) return false;
            if (_waiting is { EventCount: var count, EventBytes: var bytes }
                && (count >= _options.MaxQueuedEvents || (count > 0 && bytes + message.Length > _options.MaxQueuedBytes)))
            {
                // The client recovers what it misses from its last seq; what waits here would only delay the close frame.
                ForgetWaiting();
                wake = BeginClose(CloseCodes.SlowConsumer, "slow consumer");
                queued = false;
            }
            else wake = Send(new OutgoingFrame(message, FrameKind.Event, acceptedAtMs));
        }
        Wake(wake);
        return queued;
    }

    /// <summary>Queues what may be lost: dropped when half of the bound is taken.</summary>
    internal void TrySendEphemeral(ReadOnlyMemory<byte> message)
    {
        lock (Subscriptions)
        {
            if (_waiting is { } waiting && (waiting.EventCount > _options.MaxQueuedEvents / 2 || waiting.EventBytes > _options.MaxQueuedBytes / 2)) return;
        }
        TrySend(message, acceptedAtMs: 0);
    }

    /// <summary>Queues the reply to a command.</summary>
    internal void Reply(ReadOnlyMemory<byte> message)
    {
        IThreadPoolWorkItem? wake;
        lock (Subscriptions)
        {
            if (_closing) return;
            if (_waiting is not null && _waiting.ReplyBytes > (long)_options.MaxQueuedReplyBytes * ReplyBoundFactor)
            {
                ForgetWaiting();
                wake = BeginClose(CloseCodes.SlowConsumer, "slow consumer");
            }
            else wake = Send(new OutgoingFrame(message, FrameKind.Reply, 0));
        }
        Wake(wake);
    }

    /// <summary>Starts the close handshake with a code of <see cref="CloseCodes"/>; what is queued before it is still sent.</summary>
    public void Close(int code, string reason)
    {
        IThreadPoolWorkItem? wake;
        lock (Subscriptions)
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
        lock (Subscriptions)
        {
            if (_closing) return;
            ForgetWaiting();
            wake = BeginClose(code, reason);
        }
        Wake(wake);
    }

    /// <summary>Completes when so few replies wait that another command may be read.</summary>
    internal Task WhenRepliesDrainAsync()
    {
        lock (Subscriptions)
        {
            if (_closing || !HasManyReplies) return Task.CompletedTask;
            _replyRoom ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            return _replyRoom.Task;
        }
    }

    /// <summary>
    /// Gives the connection its transport: <paramref name="writer"/> is queued to the pool when there is something to take and it is not running. It gets pings and pongs only with
    /// <paramref name="writesControlFrames"/>.
    /// </summary>
    internal void Attach(IThreadPoolWorkItem writer, Action abort, bool writesControlFrames = false)
    {
        IThreadPoolWorkItem? wake = null;
        lock (Subscriptions)
        {
            (_writer, _abort, _writesControlFrames) = (writer, abort, writesControlFrames);
            if (_waiting is not null || _closing)
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
        TaskCompletionSource? replyRoom;
        lock (Subscriptions)
        {
            // Only whole frames are taken, so a pong may come between any two: while it waits nothing more is read.
            if (_pong is null && _waiting is { IsEmpty: false }) frame = _waiting.Take();
            else if (!TryTakeControl(out frame))
            {
                _writing = false;
                _waiting = null; // an idle connection holds no buffer
                return false;
            }
            replyRoom = TakeReplyRoom();
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
            if (Volatile.Read(ref _close) is { } close && _time.GetTimestamp() > close.Deadline) Abort();
        }
        else if (User.ExpiresAt <= now) Close(CloseCodes.SessionExpired, "session expired");
        else if (_time.GetElapsedTime(Volatile.Read(ref _lastHeard)) is var quiet && quiet > _options.SilenceTimeout) Close(CloseCodes.GoingAway, "silent too long");
        else if (quiet.TotalMilliseconds >= ProtocolLimits.HeartbeatMs) Ping();
    }

    /// <summary>Cuts the socket without a handshake.</summary>
    internal void Abort()
    {
        lock (Subscriptions) _socket?.ShutDown();
        Volatile.Read(ref _abort)?.Invoke();
    }

    private IThreadPoolWorkItem? Send(in OutgoingFrame frame)
    {
        if (_socket is null || _waiting is not null)
        {
            (_waiting ??= new WaitingFrames()).Add(frame);
            return StartWriting();
        }
        var sent = _socket.Send(frame);
        if (sent < 0) return null; // broken: the transport ends the connection
        if (sent < WireFrames.LengthOf(frame)) WaitToSend(frame, sent);
        else if (frame.Kind == FrameKind.Event) _socket.Delivered(frame.AcceptedAtMs);
        return null;
    }

    // A writer answers one ping after the other: where several wait for it only the last would be answered, as RFC 6455 allows, but no client expects.
    private bool HasManyReplies => _waiting?.ReplyBytes > _options.MaxQueuedReplyBytes || (_pong is not null && _socket is null);

    private TaskCompletionSource? TakeReplyRoom()
    {
        if (_replyRoom is null || HasManyReplies) return null;
        var room = _replyRoom;
        _replyRoom = null;
        return room;
    }

    private IThreadPoolWorkItem? BeginClose(int code, string reason)
    {
        _closing = true;
        var patience = code == CloseCodes.SlowConsumer ? _options.SlowConsumerTimeout : _options.CloseTimeout;
        _close = new Closing(code, reason, _time.GetTimestamp() + (long)(patience.TotalSeconds * _time.TimestampFrequency));
        _replyRoom?.TrySetResult();
        _replyRoom = null;
        if (_socket is not null && _waiting is null) FlushWaiting();
        return StartWriting();
    }

    private IThreadPoolWorkItem? StartWriting()
    {
        if (_writing || _writer is null) return null;
        _writing = true;
        return _writer;
    }

    private void ForgetWaiting()
    {
        _waiting?.Forget();
        if (_waiting is { IsEmpty: true }) _waiting = null;
    }

    // Outside the lock: a thread pool that is shutting down may run the item at once.
    private static void Wake(IThreadPoolWorkItem? writer)
    {
        if (writer is not null) ThreadPool.UnsafeQueueUserWorkItem(writer, preferLocal: false);
    }

    /// <summary>The close that is under way, and when the socket is cut.</summary>
    private sealed record Closing(int Code, string Reason, long Deadline);
}
