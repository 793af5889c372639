using Chat.Realtime.Transport;

namespace Chat.Realtime.Fanout;

/// <summary>
/// Sends events to many members on several threads at once: each takes the next few members until none is left, so whoever is held up delays only those few. A send is a call of the
/// kernel that takes microseconds, and a thousand of them in a row are most of the time until the last member has the event.
/// </summary>
internal sealed class SharedSend : IThreadPoolWorkItem
{
    // For one thread: below it the hand-over to another one takes about as long.
    private const int MembersPerThread = 128;
    private const int MembersAtOnce = SendRing.Capacity;
    // Whoever has something else for one of those whose sends are made together waits until all are.
    private const int BytesTogether = 256 << 10;
    // Below it one call for all costs as much as one for each.
    private const int FewestTogether = 8;

    private readonly List<Subscription> _members;
    private readonly EncodedEvents _events;
    private readonly int _count;
    private readonly ManualResetEventSlim _ended = new();
    private int _taken;
    private int _served;
    private int _left;
    private Exception? _failure;

    private SharedSend(List<Subscription> members, EncodedEvents events) => (_members, _events, _count) = (members, events, members.Count);

    /// <summary>
    /// Completes when all have been served; the caller holds their lock and sends too. Returns how many events left at once. A member to whom it could not be sent is cut, and
    /// comes back for what it has missed; <paramref name="failure"/> then says why.
    /// </summary>
    public static int Send(List<Subscription> members, EncodedEvents events, out Exception? failure)
    {
        failure = null;
        var helpers = Math.Min(Environment.ProcessorCount, members.Count / MembersPerThread) - 1;
        if (helpers <= 0) return Send(members, events, 0, members.Count, ref failure);
        var shared = new SharedSend(members, events);
        for (var i = 0; i < helpers; i++) ThreadPool.UnsafeQueueUserWorkItem(shared, preferLocal: false);
        shared.Work();
        shared._ended.Wait();
        failure = shared._failure;
        return shared._left;
    }

    // Whoever comes when all are taken has nothing to do, and touches nothing of the room.
    void IThreadPoolWorkItem.Execute() => Work();

    private void Work()
    {
        while (true)
        {
            var from = Interlocked.Add(ref _taken, MembersAtOnce) - MembersAtOnce;
            if (from >= _count) return;
            var to = Math.Min(from + MembersAtOnce, _count);
            Interlocked.Add(ref _left, Send(_members, _events, from, to, ref _failure));
            if (Interlocked.Add(ref _served, to - from) == _count) _ended.Set();
        }
    }

    /// <summary>As above for some of them, by the caller alone.</summary>
    public static int Send(List<Subscription> members, EncodedEvents events, int from, int to, ref Exception? failure)
    {
        var left = 0;
        var together = Math.Min(SendRing.Capacity, BytesTogether / Math.Max(1, events.WireLength));
        for (; together >= FewestTogether && to - from >= FewestTogether && SendRing.OfThisThread is { } ring; from = Math.Min(from + together, to))
            left += SendTogether(ring, members, events, from, Math.Min(from + together, to), ref failure);
        for (; from < to; from++) left += Send(members[from], events, ref failure);
        return left;
    }

    private static int SendTogether(SendRing ring, List<Subscription> members, EncodedEvents events, int from, int to, ref Exception? failure)
    {
        const int Later = -1, Failed = -2;
        Span<int> begunAt = stackalloc int[SendRing.Capacity]; // with which event
        using (events.Pin())
        {
            for (var i = from; i < to; i++) begunAt[i - from] = members[i].TryBeginDelivery(events, ring, out var first) ? first : Later;
            ring.Submit();
        }
        var left = 0;
        for (var (i, number) = (from, 0); i < to; i++)
        {
            if (begunAt[i - from] < 0) continue;
            try
            {
                left += members[i].EndDelivery(events, begunAt[i - from], ring.SentOf(number++));
            }
            catch (Exception e)
            {
                (begunAt[i - from], failure) = (Failed, e);
            }
        }
        // Only now: whoever is in the way of one of these may be waiting for one of those.
        for (var i = from; i < to; i++)
        {
            if (begunAt[i - from] == Later) left += Send(members[i], events, ref failure);
            else if (begunAt[i - from] == Failed) Cut(members[i], ref failure!);
        }
        return left;
    }

    /// <summary>As above for one. Never throws.</summary>
    public static int Send(Subscription member, EncodedEvents events, ref Exception? failure)
    {
        try
        {
            return member.Deliver(events);
        }
        catch (Exception e)
        {
            failure = e;
            Cut(member, ref failure);
            return 0;
        }
    }

    private static void Cut(Subscription member, ref Exception failure)
    {
        try
        {
            member.Connection.Abort();
        }
        catch (Exception e)
        {
            failure = new AggregateException(failure, e);
        }
    }
}
