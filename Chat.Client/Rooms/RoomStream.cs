using Chat.Client.Delivery;
using Chat.Contracts;

namespace Chat.Client.Rooms;

/// <summary>
/// One room's stream: delivers each durable event once and in order of its seq, and never past a hole. While a <c>subscribe</c> is
/// under way events are held back; a hole starts one. Not thread-safe: <see cref="RoomStreams"/> guards it.
/// </summary>
internal sealed class RoomStream(string roomId, long? position, string? epoch, bool isImplicit, EventDelivery delivery)
{
    // As many as one resume can bring. What comes beyond it is dropped here, and asked for by one more resume after the ack.
    private const int MaxHeld = ProtocolLimits.MaxRecoveredEvents;
    private List<ChatEvent> _held = [];
    private bool _dropped;
    private bool _isOnNewConnection;

    public string RoomId { get; } = roomId;

    /// <summary>Seq of the last delivered event (or where the stream starts); null until that is known.</summary>
    public long? Position { get; private set; } = position;

    public string? Epoch { get; private set; } = epoch;

    /// <summary>True for a direct room that nobody subscribed: its events come by themselves.</summary>
    public bool IsImplicit { get; } = isImplicit;

    /// <summary>A <c>subscribe</c> is under way or due.</summary>
    public bool IsAwaiting { get; private set; } = !isImplicit;

    /// <summary>It was acknowledged once: from then on reconnects resume it.</summary>
    public bool IsEstablished { get; private set; } = isImplicit;

    /// <summary>Holes in a row that a resume did not close, to slow down then.</summary>
    public int Holes { get; private set; }

    /// <summary>Takes a durable event.</summary>
    /// <returns>True when there is a hole before it, and a <c>subscribe</c> must be sent.</returns>
    public bool Offer(ChatEvent durable)
    {
        if (IsAwaiting)
        {
            Hold(durable);
            return false;
        }
        var seq = durable.Seq!.Value;
        if (Position is { } last)
        {
            if (seq <= last) return false;
            if (seq != last + 1)
            {
                if (durable.Epoch == Epoch)
                {
                    Holes++;
                    BeginSubscribe();
                    Hold(durable);
                    return true;
                }
                Reset(durable.Epoch, seq - 1);
            }
        }
        Deliver(durable);
        return false;
    }

    /// <summary>From now on events are held until <see cref="Accept"/>.</summary>
    public void BeginSubscribe() => IsAwaiting = true;

    /// <summary>A new connection: what was held comes again with the resume, which is due for a stream that was established.</summary>
    public void BeginConnection()
    {
        _held.Clear();
        _dropped = false;
        if (!IsEstablished) return;
        _isOnNewConnection = true;
        BeginSubscribe();
    }

    /// <summary>Takes the ack of <c>subscribe</c>.</summary>
    /// <param name="ack">It carries exactly the events between the position and where live events go on.</param>
    /// <param name="resumed">True when nobody but this library reads the ack: a failed recovery is then told.</param>
    /// <returns>True when there is a hole still, and another <c>subscribe</c> must be sent.</returns>
    public bool Accept(ServerReply ack, bool resumed)
    {
        if (ack.Recovered == false)
        {
            if (resumed) Reset(ack.Epoch, ack.HeadSeq ?? 0);
            else (Position, Epoch) = (ack.HeadSeq ?? 0, ack.Epoch);
        }
        else
        {
            Epoch = ack.Epoch ?? Epoch;
            foreach (var missed in ack.Events ?? [])
            {
                if (missed.Seq > (Position ?? 0)) Deliver(missed);
            }
            Position ??= ack.HeadSeq ?? 0;
        }

        // Only now: an ack that cannot be used ends the connection, and leaves everything to the next one.
        (IsAwaiting, IsEstablished) = (false, true);
        var (held, dropped) = (_held, _dropped);
        (_held, _dropped) = ([], false);
        var hole = false;
        foreach (var durable in held) hole |= Offer(durable);
        if (dropped && !hole)
        {
            // In a quiet room no later event would show it.
            Holes++;
            BeginSubscribe();
            hole = true;
        }
        if (hole) return true;
        Holes = 0;
        if (_isOnNewConnection) delivery.Post(new RoomResumed(RoomId));
        _isOnNewConnection = false;
        return false;
    }

    /// <summary>The numbering restarted: the stream goes on after <paramref name="head"/>, and what came before must be loaded again.</summary>
    public void Reset(string? newEpoch, long head)
    {
        (Epoch, Position) = (newEpoch ?? Epoch, head);
        delivery.Post(new RoomReset(RoomId, Epoch ?? "", head));
    }

    private void Deliver(ChatEvent durable)
    {
        Position = durable.Seq;
        Epoch = durable.Epoch ?? Epoch;
        delivery.Post(durable);
    }

    private void Hold(ChatEvent durable)
    {
        if (_held.Count < MaxHeld) _held.Add(durable);
        else _dropped = true;
    }
}
