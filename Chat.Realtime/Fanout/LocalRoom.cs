using System.Runtime.InteropServices;
using Chat.Contracts;
using Chat.Data.History;
using Chat.Data.Numbering;
using Chat.Realtime.Access;
using Chat.Realtime.Fanout.PubSub;
using StackExchange.Redis;

namespace Chat.Realtime.Fanout;

/// <summary>
/// A room with members on this node: their dense array and the one position from which all of them are served. An event is encoded once, and
/// the same bytes go to every member.
/// </summary>
internal sealed partial class LocalRoom(string roomId, LocalRooms rooms) : RoomFollower(roomId, rooms.History, rooms.Metrics, rooms.Time, rooms.RoomLogger, rooms.Stopping)
{
    // Events that go to the members with one write; more than this is several.
    private const int MaxBatch = 64;
    private const int MaxBatchBytes = 256 << 10;
    // Up to here sending to all takes less than half a millisecond, and a hand-over to another thread would be a good part of it.
    private const int MostOfSmall = 64;

    private readonly List<Subscription> _members = [];
    private List<(long AfterSeq, TaskCompletionSource Waiter)>? _waiters; // bounded by who lets requests wait
    private List<NumberedEvent>? _batch; // made for the first event, and empty outside of the lock
    private int _batchBytes;
    private Rotation? _rotation; // of a room that is or was large
    private ChannelSubscription? _channel;
    private ChannelSubscription? _ephemeral;
    private Task? _subscribing; // the attempt that is under way

    /// <summary>Holders: subscribers and those who are about to be. Belongs to <see cref="LocalRooms"/>.</summary>
    public int Holders { get; set; }

    /// <summary>When the last holder left. Belongs to <see cref="LocalRooms"/>.</summary>
    public long EmptySince { get; set; }

    /// <summary>Completes when the room's channels are subscribed; a failed attempt is made anew by the next caller.</summary>
    public Task ListenAsync()
    {
        lock (Gate)
        {
            if (_channel is not null && _ephemeral is not null) return Task.CompletedTask;
            if (_subscribing is not null) return _subscribing;
            var attempt = SubscribeAsync();
            if (!attempt.IsCompleted) _subscribing = attempt;
            return attempt;
        }
    }

    /// <summary>
    /// Takes a connection in as joining. What arrives from now on is kept for it. An earlier subscription of it, which this one replaces, is handed
    /// back: it gets nothing more.
    /// </summary>
    public Subscription? Join(Subscription subscription, long accessVersion)
    {
        lock (Gate)
        {
            if (_members.Count == 0) AccessVersion = Math.Max(AccessVersion, accessVersion);
            var old = subscription.Connection.Subscriptions.Replace(subscription);
            if (old is not null) Detach(old);
            subscription.KeepBack(Position ?? 0);
            subscription.Index = _members.Count;
            _members.Add(subscription);
            return old;
        }
    }

    /// <summary>
    /// Ends the joining: queues the <paramref name="opening"/> frames, the ack as a rule, and lets live events follow after <paramref name="position"/>. False when history
    /// was read too early for that, or so much arrived meanwhile that it is to be read again; the subscription stays joining.
    /// </summary>
    public bool TryGoLive(Subscription subscription, long position, IReadOnlyList<ReadOnlyMemory<byte>> opening)
    {
        lock (Gate)
        {
            if (subscription.Index < 0) throw new ChatException(ErrorCodes.NotFound, "There is no such room."); // ended while joining
            // A position before that of the room would leave out what the room delivered before it kept anything back, or, when two join
            // a room that is new here, what lies between the heads that the two have read.
            if (subscription.LostSome || position < Math.Max(subscription.KeptBackAfter, StartedAt))
            {
                subscription.KeepBack(Position ?? 0);
                return false;
            }
            foreach (var frame in opening) subscription.Connection.Reply(frame);
            subscription.GoLive(position);
            return true;
        }
    }

    /// <summary>Lets a joining subscription go on where the live one that it replaced stood; false when something in between was let go.</summary>
    public bool TryContinue(Subscription subscription, Subscription replaced)
    {
        lock (Gate)
        {
            if (subscription.Index < 0 || subscription.LostSome || subscription.KeptBackAfter > replaced.DeliverAfter || !replaced.IsLive) return false;
            subscription.IsMuted = replaced.IsMuted;
            subscription.GoLive(replaced.DeliverAfter);
            return true;
        }
    }

    /// <summary>Lets a subscription go on with what is durable alone; false when it does so already or has ended.</summary>
    public bool Mute(Subscription subscription)
    {
        lock (Gate)
        {
            if (subscription.Index < 0 || subscription.IsMuted) return false;
            subscription.IsMuted = true;
            return true;
        }
    }

    /// <summary>
    /// Completes when an event after <paramref name="afterSeq"/> is there, or the numbering restarted. Whoever waits holds the room meanwhile, has it listen, and
    /// says where it starts; <see cref="Forget"/> ends the waiting.
    /// </summary>
    public TaskCompletionSource Await(long afterSeq)
    {
        var waiter = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (Gate) (_waiters ??= []).Add((afterSeq, waiter));
        return waiter;
    }

    public void Forget(TaskCompletionSource waiter)
    {
        lock (Gate) _waiters?.RemoveAll(waiting => waiting.Waiter == waiter);
    }

    /// <summary>Ends a subscription; false when it had ended already.</summary>
    public bool Leave(Subscription subscription)
    {
        lock (Gate)
        {
            subscription.Connection.Subscriptions.Remove(subscription);
            return Detach(subscription);
        }
    }

    /// <summary>Unsubscribes the channels of a room that nobody holds any more.</summary>
    public async Task CloseAsync()
    {
        await StopAsync();
        try
        {
            if (_subscribing is { } subscribing) await subscribing;
        }
        catch (Exception e) when (e is RedisException or TimeoutException or ObjectDisposedException)
        {
            Log.NotSubscribed(rooms.RoomLogger, RoomId, e.Message);
        }
        _channel?.Unsubscribe();
        _ephemeral?.Unsubscribe();
        _rotation?.Dispose();
    }

    protected override bool IsLarge => _members.Count > MostOfSmall;

    protected override void Deliver(in NumberedEvent numbered)
    {
        Wake(numbered.Seq);
        if (_members.Count == 0) return;
        (_batch ??= new List<NumberedEvent>(1)).Add(numbered);
        _batchBytes += numbered.Body.Length;
        if (_batch.Count >= MaxBatch || _batchBytes >= MaxBatchBytes) DeliverPending();
    }

    protected override void DeliverPending()
    {
        if (_batch is not { Count: > 0 }) return;
        var batch = _batch;
        (_batch, _batchBytes) = (null, 0); // first: what cannot be encoded is not tried again and again
        var events = new EncodedEvents(CollectionsMarshal.AsSpan(batch));
        // Not of a direct room: the users' feeds take turns with it, and go on where it stands.
        if (IsLarge && !RoomIds.IsDirect(RoomId)) _rotation ??= new Rotation(_members, MaxBatch, MaxBatchBytes, Time, ServeNext);
        if (_rotation?.TryTake(batch, events) != true)
        {
            SendWhatWaits();
            SendToAll(events);
        }
        batch.Clear();
        _batch = batch;
    }

    private void SendWhatWaits()
    {
        if (_rotation?.TakeAll() is { } waiting) SendToAll(waiting);
    }

    private void SendToAll(EncodedEvents events)
    {
        var left = SharedSend.Send(_members, events, out var failure);
        Count((left, events.AcceptedAtMsOf(0)), failure);
    }

    private void ServeNext()
    {
        try
        {
            lock (Gate) Count(_rotation!.ServeNext(out var failure), failure);
        }
        catch (Exception e)
        {
            // A timer brought us here: nobody else would hear of it.
            Log.NotServed(rooms.RoomLogger, e, RoomId);
        }
    }

    private void Count((int Left, long AcceptedAtMs) sent, Exception? failure)
    {
        if (failure is not null) Log.NotSent(rooms.RoomLogger, failure, RoomId);
        Metrics.Delivered(sent.Left, sent.AcceptedAtMs, Time.GetUtcNow());
    }

    protected override void Resync(int epoch, long headSeq)
    {
        SendWhatWaits();
        Wake(headSeq);
        ReadOnlyMemory<byte> envelope = Envelopes.Resync(RoomId, epoch, headSeq, Time.GetUtcNow());
        foreach (var member in _members) member.Resync(envelope, headSeq);
    }

    protected override async Task RecheckAsync(CancellationToken cancellationToken)
    {
        HashSet<string> users;
        lock (Gate) users = [.. _members.Select(member => member.Connection.User.UserId)];
        if (users.Count == 0) return;
        var allowed = await rooms.Access.WhoMayReceiveAsync(RoomId, users, cancellationToken);
        lock (Gate)
        {
            // Only those who were asked about: who joined meanwhile was checked when joining.
            foreach (var member in _members.Where(m => users.Contains(m.Connection.User.UserId) && !allowed.Contains(m.Connection.User.UserId)).ToList())
            {
                member.Connection.Subscriptions.Remove(member);
                Detach(member);
                rooms.Release(this); // ended here and not by its connection
            }
        }
    }

    // Whichever channel could be subscribed stays so when the other one could not.
    private async Task SubscribeAsync()
    {
        var durable = _channel is null ? rooms.Subscribers.SubscribeAsync(RedisKeys.RoomChannel(RoomId), this, static (room, message) => ((LocalRoom)room).Receive(message)) : null;
        var ephemeral = _ephemeral is null
            ? rooms.Subscribers.SubscribeEphemeralAsync(RedisKeys.EphemeralChannel(RoomId), this, static (room, message) => ((LocalRoom)room).ReceiveEphemeral(message))
            : null;
        try
        {
            await Task.WhenAll(durable ?? Task.CompletedTask, ephemeral ?? Task.CompletedTask);
        }
        finally
        {
            lock (Gate)
            {
                if (durable is { IsCompletedSuccessfully: true }) _channel = durable.Result;
                if (ephemeral is { IsCompletedSuccessfully: true }) _ephemeral = ephemeral.Result;
                _subscribing = null;
            }
        }
    }

    private void Receive(ReadOnlyMemory<byte> message)
    {
        try
        {
            Offer(RoomFrames.Parse(message));
        }
        catch (FormatException e)
        {
            Log.Unreadable(rooms.RoomLogger, e, RoomId);
        }
    }

    private void ReceiveEphemeral(ReadOnlyMemory<byte> envelope)
    {
        lock (Gate)
        {
            foreach (var member in _members)
                if (member is { IsLive: true, IsMuted: false }) member.Connection.TrySendEphemeral(envelope);
        }
    }

    private void Wake(long seq)
    {
        if (_waiters is not { Count: > 0 }) return;
        foreach (var (afterSeq, waiter) in _waiters)
            if (seq > afterSeq) waiter.TrySetResult();
        _waiters.RemoveAll(waiting => waiting.Waiter.Task.IsCompleted);
    }

    private bool Detach(Subscription subscription)
    {
        var index = subscription.Index;
        if (index < 0) return false;
        var last = _members[^1];
        if (_rotation is { HasSome: true })
        {
            Count(_rotation.Serve(subscription, out var failure), failure);
            Count(_rotation.Serve(last, out failure), failure);
        }
        _members[index] = last;
        last.Index = index;
        _members.RemoveAt(_members.Count - 1);
        subscription.Index = -1;
        return true;
    }

    private static partial class Log
    {
        [LoggerMessage(1030, LogLevel.Debug, "A channel of room {RoomId} had not been subscribed: {Reason}")]
        public static partial void NotSubscribed(ILogger logger, string roomId, string reason);

        [LoggerMessage(1032, LogLevel.Error, "Room {RoomId}: an event could not be sent to a member, whose connection is cut")]
        public static partial void NotSent(ILogger logger, Exception exception, string roomId);

        [LoggerMessage(1033, LogLevel.Error, "Room {RoomId}: members whose turn it was were not served")]
        public static partial void NotServed(ILogger logger, Exception exception, string roomId);

        [LoggerMessage(1031, LogLevel.Error, "Room {RoomId} got a message that is not one of the numbering script's")]
        public static partial void Unreadable(ILogger logger, Exception exception, string roomId);
    }
}
