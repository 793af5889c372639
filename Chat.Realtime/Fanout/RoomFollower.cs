using Chat.Contracts;
using Chat.Data.History;
using Chat.Data.Numbering;

namespace Chat.Realtime.Fanout;

/// <summary>
/// Follows the durable events of one room. Whatever path they come by, and however often, each is delivered once and in the order of its
/// number: the next one is delivered, an old one dropped, and a gap is read from history before anything after it is delivered.
/// An event that brings a newer access version is not delivered before the receivers were checked again: while Postgres cannot be asked, it and what
/// follows it wait and nobody receives them. Without such an event live delivery and its repairs need no Postgres.
/// </summary>
internal abstract partial class RoomFollower(string roomId, RoomHistory history, NodeMetrics metrics, TimeProvider time, ILogger logger, CancellationToken stopping)
{
    // What may arrive while a gap is read. Beyond it events are let go, and read from history like any other gap.
    private const int MaxHeld = 1_024;
    private const int MaxHeldBytes = 4 << 20;
    // A gap that is longer than this is not repaired: the clients reload.
    private const int MaxRepair = 10_000;
    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(3);

    private readonly Arrivals _arrivals = new(MaxHeld, MaxHeldBytes);
    private SortedDictionary<long, RoomFrame>? _held; // made when something is held for the first time: most rooms never miss anything
    private int _heldBytes;
    private bool _readAgain; // something is known to be missing, whether or not an event shows it
    private volatile bool _working;
    private long _suspectedHead;
    private volatile bool _stopped;
    private Task _work = Task.CompletedTask;

    public string RoomId { get; } = roomId;

    /// <summary>Guards the position and whatever an implementation keeps of its receivers. Nothing is awaited under it.</summary>
    protected Lock Gate { get; } = new();

    /// <summary>Number of the last event delivered; null while it is not known where to start.</summary>
    protected long? Position { get; private set; }

    /// <summary>Where the live stream began: what is not above it was delivered to nobody, kept back for nobody.</summary>
    protected long StartedAt { get; private set; }

    protected long AccessVersion { get; set; }

    /// <summary>There are so many receivers that sending to all takes a while.</summary>
    protected virtual bool IsLarge => false;

    protected TimeProvider Time => time;

    protected NodeMetrics Metrics => metrics;

    /// <summary>Hands one event to the receivers, or keeps it for <see cref="DeliverPending"/>; called under the lock, in ascending order without holes.</summary>
    protected abstract void Deliver(in NumberedEvent numbered);

    /// <summary>Hands over what <see cref="Deliver"/> kept: called before the lock is released, and before anything else is told to the receivers.</summary>
    protected virtual void DeliverPending()
    {
    }

    /// <summary>Tells the receivers that the numbering restarted: live events follow <paramref name="headSeq"/>. Called under the lock.</summary>
    protected abstract void Resync(int epoch, long headSeq);

    /// <summary>Ends the reception of those who may not receive any more.</summary>
    protected abstract Task RecheckAsync(CancellationToken cancellationToken);

    /// <summary>
    /// Takes events from any path. They are handed out when it returns, unless others are just being handed out, the room is large, or a gap is being closed: then that follows.
    /// </summary>
    public void Offer(IReadOnlyList<RoomFrame> frames)
    {
        if (!_arrivals.Add(frames)) return;
        // Away from the thread that brought them where that takes long, or has to wait for a repair.
        if (IsLarge || _working) ThreadPool.UnsafeQueueUserWorkItem(static room => room.HandOutAll(), this, preferLocal: false);
        else HandOutAll();
    }

    /// <summary>Says where the live stream starts, unless that is known already.</summary>
    public void StartAt(long headSeq)
    {
        lock (Gate)
        {
            if (Position is not null) return;
            Position = StartedAt = headSeq;
            StartWork();
        }
    }

    /// <summary>
    /// Compares with the head that history has. Since the message with it may just be on its way, a gap counts when it is still there at the next
    /// look, or at once when <paramref name="sure"/>.
    /// </summary>
    public void CompareHead(long headSeq, bool sure)
    {
        lock (Gate)
        {
            if (Position is not { } position || position >= headSeq) return;
            if (sure || position < _suspectedHead)
            {
                _readAgain = true;
                StartWork();
            }
            _suspectedHead = headSeq;
        }
    }

    /// <summary>Nobody follows any more: a repair that is under way ends. Completes when it has.</summary>
    public Task StopAsync()
    {
        _stopped = true;
        lock (Gate) return _work;
    }

    // What comes while a large room sends leaves together: the more events it gets, the fewer writes each of them takes.
    private void HandOutAll()
    {
        while (HandOut()) { }
    }

    // False when there was nothing to hand out. Never throws.
    private bool HandOut()
    {
        if (!_arrivals.TryTake(out var frames, out var lostSome)) return false;
        try
        {
            lock (Gate)
            {
                foreach (var frame in frames)
                {
                    if (frame.Event.Seq <= Position) continue;
                    if (!_working && Position + 1 == frame.Event.Seq && frame.AccessVersion <= AccessVersion) Advance(frame.Event);
                    else Hold(frame);
                }
                DeliverPending();
                _readAgain |= lostSome;
                if (HoldsSome || _readAgain) StartWork();
            }
        }
        catch (Exception e)
        {
            // Whoever hands out goes on in any case: nobody else would.
            Log.NotHandedOut(logger, e, RoomId);
        }
        return true;
    }

    private bool HoldsSome => _held is { Count: > 0 };

    private void Advance(in NumberedEvent numbered)
    {
        Position = numbered.Seq;
        Deliver(numbered);
    }

    private void Hold(in RoomFrame frame)
    {
        _held ??= [];
        if (_held.Count >= MaxHeld || _heldBytes + frame.Event.Body.Length > MaxHeldBytes) _readAgain = true;
        else if (_held.TryAdd(frame.Event.Seq, frame)) _heldBytes += frame.Event.Body.Length;
    }

    private void StartWork()
    {
        if (_working || Position is null || (!HoldsSome && !_readAgain)) return;
        _working = true;
        _work = Task.Run(WorkAsync, CancellationToken.None);
    }

    // Never throws, except that it was stopped: what fails is tried again.
    private async Task WorkAsync()
    {
        var pause = FirstPause;
        while (!stopping.IsCancellationRequested && !_stopped)
        {
            long position = 0;
            try
            {
                RoomFrame? next;
                bool gap;
                lock (Gate)
                {
                    DeliverHeld();
                    DeliverPending();
                    next = _held is { Count: > 0 } held ? held.First().Value : null;
                    position = Position!.Value;
                    gap = _readAgain || (next is not null && next.Value.Event.Seq != position + 1);
                    if (next is null && !gap)
                    {
                        _working = false;
                        return;
                    }
                }
                var progress = gap ? await RepairAsync(position, next, stopping) : await AdmitAsync(next!.Value.AccessVersion, stopping);
                if (progress)
                {
                    pause = FirstPause;
                    continue;
                }
            }
            catch (OperationCanceledException) when (stopping.IsCancellationRequested)
            {
                return;
            }
            catch (Exception e)
            {
                Log.RepairFailed(logger, RoomId, position, e.Message);
            }
            await Task.Delay(pause * (0.5 + Random.Shared.NextDouble()), time, CancellationToken.None);
            pause = pause * 2 < LongestPause ? pause * 2 : LongestPause;
        }
    }

    private void DeliverHeld()
    {
        while (_held is { Count: > 0 })
        {
            var (seq, frame) = _held.First();
            var isNext = seq == Position + 1;
            if (seq > Position && (!isNext || frame.AccessVersion > AccessVersion)) return;
            _held.Remove(seq);
            _heldBytes -= frame.Event.Body.Length;
            if (isNext) Advance(frame.Event);
        }
    }

    // What comes next was published at this version: a newer one than was checked changes who may receive.
    private async Task<bool> AdmitAsync(long accessVersion, CancellationToken cancellationToken)
    {
        bool isNewer;
        lock (Gate) isNewer = accessVersion > AccessVersion;
        if (isNewer) await RecheckAsync(cancellationToken);
        lock (Gate) AccessVersion = Math.Max(AccessVersion, accessVersion);
        return true;
    }

    // False when history does not have what is missing yet.
    private async Task<bool> RepairAsync(long position, RoomFrame? next, CancellationToken cancellationToken)
    {
        if (next is { } first && first.Event.Epoch * ProtocolLimits.NumbersPerEpoch is var epochStart && position < epochStart && first.Event.Seq > epochStart)
        {
            // Numbers of a new epoch: everything up to its start is for history to tell.
            await RecheckAsync(cancellationToken);
            lock (Gate) MoveTo(first.Event.Epoch, epochStart);
            return true;
        }

        // What is found to be missing from here on is looked for once more: this read may be too early for it.
        lock (Gate) _readAgain = false;
        RoomBounds bounds;
        IReadOnlyList<NumberedEvent>? events;
        try
        {
            (bounds, events) = await history.ReadAfterAsync(RoomId, position, MaxRepair, cancellationToken);
            Metrics.Repaired();
            // The version was read in one step with the events, so it covers all of them. Who reloads is checked in any case, and whoever Redis knows nothing of.
            if (events is null || bounds.AccessVersion is not { } version) await RecheckAsync(cancellationToken);
            else await AdmitAsync(version, cancellationToken);
        }
        catch
        {
            lock (Gate) _readAgain = true;
            throw;
        }
        lock (Gate)
        {
            if (events is null) MoveTo(bounds.Epoch, bounds.HeadSeq);
            foreach (var numbered in events ?? [])
                if (numbered.Seq == Position + 1) Advance(numbered);
            DeliverPending();
            return Position > position || next is null;
        }
    }

    private void MoveTo(int epoch, long headSeq)
    {
        if (headSeq <= Position) return;
        Position = headSeq;
        Resync(epoch, headSeq);
        Log.Resync(logger, RoomId, epoch, headSeq);
    }

    private static partial class Log
    {
        [LoggerMessage(1020, LogLevel.Warning, "Room {RoomId}: the events after {Position} could not be read; trying again. {Reason}")]
        public static partial void RepairFailed(ILogger logger, string roomId, long position, string reason);

        [LoggerMessage(1021, LogLevel.Debug, "Room {RoomId}: its subscribers reload, the numbering goes on in epoch {Epoch} after {HeadSeq}")]
        public static partial void Resync(ILogger logger, string roomId, int epoch, long headSeq);

        [LoggerMessage(1022, LogLevel.Error, "Room {RoomId}: events could not be handed out")]
        public static partial void NotHandedOut(ILogger logger, Exception exception, string roomId);
    }
}
