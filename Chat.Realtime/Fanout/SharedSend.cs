namespace Chat.Realtime.Fanout;

/// <summary>
/// Sends events to many members on several threads at once: each takes the next few members until none is left, so whoever is held up delays only those few. A send is a call of the
/// kernel that takes microseconds, and a thousand of them in a row are most of the time until the last member has the event.
/// </summary>
internal sealed class SharedSend : IThreadPoolWorkItem
{
    // For one thread: below it the hand-over to another one takes about as long.
    private const int MembersPerThread = 128;
    private const int MembersAtOnce = 32;

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
        for (var i = from; i < to; i++) left += Send(members[i], events, ref failure);
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
        }
        try
        {
            member.Connection.Abort();
        }
        catch (Exception e)
        {
            failure = new AggregateException(failure, e);
        }
        return 0;
    }
}
