using Chat.Realtime.Connections;
using Chat.Realtime.Transport;

namespace Chat.Realtime.Fanout;

/// <summary>
/// A connection's membership in the local fan-out of a room. It begins as joining: what arrives is kept back until the ack, which says where
/// the live stream starts, has left. All fields belong to the room's lock.
/// </summary>
internal sealed class Subscription(Connection connection, LocalRoom room)
{
    // What may arrive while history is read. Beyond it the read is repeated, since its end is out of date by then.
    private const int MaxKeptBack = 1_024;
    private const int MaxKeptBackBytes = 4 << 20;

    private KeptBack? _joining = new(0); // null from the ack on

    public Connection Connection { get; } = connection;
    public LocalRoom Room { get; } = room;

    /// <summary>Its place in the room's array, so that leaving is O(1); -1 when it is not in it.</summary>
    public int Index { get; set; } = -1;

    /// <summary>Events up to this one are not delivered: the ack has carried them, or the client did not ask for them.</summary>
    public long DeliverAfter { get; set; }

    /// <summary>Where the room stood when keeping back began: everything after it was kept.</summary>
    public long KeptBackAfter => _joining?.After ?? 0;

    /// <summary>What it was offered last: everything up to here was sent to it, kept back for it, or is none of its business.</summary>
    public long HasUpTo => _joining?.Last ?? DeliverAfter;

    /// <summary>True when so much arrived while joining that some of it was let go.</summary>
    public bool LostSome => _joining is { LostSome: true };

    public bool IsLive => _joining is null;

    /// <summary>
    /// The first direct message that the user's feed left to this subscription; null when it left none. Belongs to the connection's subscriptions, and is settled once it was removed
    /// from them.
    /// </summary>
    public long? PassedOverFrom { get; set; }

    /// <summary>
    /// The client has left this direct room, whose messages it gets all the same. They keep coming from here: a change to the user's feed, which may be ahead or
    /// behind, would bring one twice or leave one out.
    /// </summary>
    public bool IsMuted { get; set; }

    /// <summary>Sends what is new to it, or keeps it back. Returns how many events left at once.</summary>
    public int Deliver(EncodedEvents events)
    {
        var from = events.FirstAfter(HasUpTo);
        if (from == events.Count) return 0;
        if (IsLive)
        {
            DeliverAfter = events.LastSeq;
            return Connection.TrySend(events, from);
        }
        for (; from < events.Count; from++) _joining!.Add(events.SeqOf(from), events.PayloadOf(from), events.AcceptedAtMsOf(from));
        return 0;
    }

    /// <summary>
    /// As <see cref="Deliver"/>, with a send that <paramref name="ring"/> makes together with others; <see cref="EndDelivery"/> follows, on the same thread. False when there is nothing to send, or not so.
    /// </summary>
    public bool TryBeginDelivery(EncodedEvents events, SendRing ring, out int from)
    {
        from = events.FirstAfter(HasUpTo);
        if (!IsLive || from == events.Count || !Connection.TryBeginSend(events, from, ring)) return false;
        DeliverAfter = events.LastSeq;
        return true;
    }

    /// <summary>As <see cref="Connection.EndSend"/>.</summary>
    public int EndDelivery(EncodedEvents events, int from, int sent) => Connection.EndSend(events, from, sent);

    /// <summary>Before history is read: what arrives after <paramref name="position"/> is kept.</summary>
    public void KeepBack(long position) => _joining = new KeptBack(position);

    /// <summary>The numbering restarted: live events follow <paramref name="headSeq"/>. What was read of history meanwhile is out of date.</summary>
    public void Resync(ReadOnlyMemory<byte> envelope, long headSeq)
    {
        if (_joining is not null)
        {
            _joining.Lose();
            return;
        }
        DeliverAfter = Math.Max(DeliverAfter, headSeq);
        Connection.TrySend(envelope);
    }

    /// <summary>From now on events are delivered as they come, first those kept back that lie above <paramref name="position"/>.</summary>
    public void GoLive(long position)
    {
        var keptBack = _joining;
        _joining = null;
        DeliverAfter = Math.Max(DeliverAfter, position);
        foreach (var (seq, envelope, acceptedAtMs) in keptBack?.Events ?? [])
        {
            if (seq <= DeliverAfter) continue;
            DeliverAfter = seq;
            Connection.TrySend(envelope, acceptedAtMs);
        }
    }

    /// <summary>What arrives while joining.</summary>
    private sealed class KeptBack(long after)
    {
        private int _bytes;

        public List<(long Seq, ReadOnlyMemory<byte> Envelope, long AcceptedAtMs)> Events { get; } = [];
        public long After { get; } = after;
        public long Last { get; private set; } = after;
        public bool LostSome { get; private set; }

        public void Add(long seq, ReadOnlyMemory<byte> envelope, long acceptedAtMs)
        {
            Last = seq;
            if (Events.Count >= MaxKeptBack || _bytes + envelope.Length > MaxKeptBackBytes) Lose();
            if (LostSome) return;
            Events.Add((seq, envelope, acceptedAtMs));
            _bytes += envelope.Length;
        }

        public void Lose()
        {
            Events.Clear();
            _bytes = 0;
            LostSome = true;
        }
    }
}
