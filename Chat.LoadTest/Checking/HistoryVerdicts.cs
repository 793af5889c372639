using Chat.Contracts;
using Chat.LoadTest.Recording;

namespace Chat.LoadTest.Checking;

/// <summary>History at rest: only what was sent, once, in one row of numbers.</summary>
internal static class HistoryVerdicts
{
    /// <summary>Content that changes is another verdict's business; see <see cref="StateVerdicts"/>.</summary>
    public static IEnumerable<Violation> Phantom(RunRecord run)
    {
        foreach (var stored in All(run).Where(e => e.EventType != EventTypes.UserJoin))
        {
            var key = stored.Operation ?? new OperationKey(stored.SenderId, stored.RoomId, "");
            if (!run.Wishes.TryGetValue(key, out var wish))
                yield return new("phantom", stored.RoomId, $"{stored.Seq} ({stored.EventId}, {stored.EventType}) was never sent: {key}");
            else if (wish.EventType != stored.EventType || wish.TargetId != stored.TargetId)
                yield return new("phantom", stored.RoomId, $"{stored.Seq} ({stored.EventId}) is {stored.EventType} of {stored.TargetId ?? "nothing"}, and {key} was sent as {wish.EventType} of {wish.TargetId ?? "nothing"}");
        }
    }

    public static IEnumerable<Violation> Duplicate(RunRecord run)
    {
        foreach (var (roomId, events) in run.History)
        {
            foreach (var same in events.GroupBy(e => e.Seq).Where(g => g.Count() > 1))
                yield return new("duplicate", roomId, $"{same.Key} is there {same.Count()} times");
            foreach (var same in events.GroupBy(e => e.EventId).Where(g => g.Count() > 1))
                yield return new("duplicate", roomId, $"{same.Key} is there as {Numbers(same)}");
            foreach (var same in events.Where(e => e.ClientId is not null).GroupBy(e => (e.SenderId, e.ClientId)).Where(g => g.DistinctBy(e => e.EventId).Count() > 1))
                yield return new("duplicate", roomId, $"{same.Key.ClientId} of {same.Key.SenderId} is there as {Numbers(same)}");
            // Nobody leaves, so everybody joins once, whoever lets them in and how often that is tried.
            foreach (var same in events.Where(e => e.EventType == EventTypes.UserJoin).GroupBy(e => e.SenderId).Where(g => g.DistinctBy(e => e.EventId).Count() > 1))
                yield return new("duplicate", roomId, $"{same.Key} joined as {Numbers(same)}");
        }
    }

    /// <summary>
    /// A room begins at 1, and within an epoch the next number follows. Only where an epoch begins numbers skip: also those of a room in which
    /// nothing was said in the epoch in which all rooms were made.
    /// </summary>
    public static IEnumerable<Violation> Hole(RunRecord run)
    {
        var epochs = run.Acks.Select(a => (a.At, a.Epoch)).Concat(run.Readers.SelectMany(r => r.Steps.OfType<Subscribed>()).Select(s => (s.At, s.Epoch)));
        var made = epochs.OrderBy(seen => seen.At).Select(seen => seen.Epoch).FirstOrDefault();
        foreach (var (roomId, events) in run.History)
        {
            if (events is [var first, ..] && first.Seq != 1 && (first.Epoch == made || made is null))
                yield return new("hole", roomId, $"history begins at {first.Seq}");
            foreach (var (before, after) in events.Zip(events.Skip(1)))
            {
                if (after.Seq <= before.Seq && after.EventId != before.EventId)
                    yield return new("hole", roomId, $"history is not ascending: {after.Seq} after {before.Seq}");
                else if (after.Epoch == before.Epoch && after.Seq > before.Seq + 1)
                    yield return new("hole", roomId, $"nothing between {before.Seq} and {after.Seq} of epoch {after.Epoch}");
            }
        }
    }

    /// <summary>An epoch that was left never comes back.</summary>
    public static IEnumerable<Violation> EpochReturned(RunRecord run)
    {
        foreach (var (roomId, events) in run.History)
        {
            var left = new HashSet<string>();
            foreach (var (before, after) in events.Zip(events.Skip(1)).Where(pair => pair.First.Epoch != pair.Second.Epoch))
            {
                left.Add(before.Epoch);
                if (left.Contains(after.Epoch))
                    yield return new("epoch misuse", roomId, $"epoch {after.Epoch} came back at {after.Seq}");
            }
        }
    }

    private static IEnumerable<StoredEvent> All(RunRecord run) => run.History.Values.SelectMany(events => events);

    private static string Numbers(IEnumerable<StoredEvent> events) => string.Join(" and ", events.Select(e => $"{e.Seq} ({e.EventId})"));
}
