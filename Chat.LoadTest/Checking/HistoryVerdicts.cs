using Chat.Contracts;
using Chat.LoadTest.Recording;

namespace Chat.LoadTest.Checking;

/// <summary>History at rest: only what was sent, once, in one row of numbers.</summary>
internal static class HistoryVerdicts
{
    public static IEnumerable<Violation> Phantom(RunRecord run)
    {
        var sent = run.Attempts.GroupBy(a => a.Operation).ToDictionary(a => a.Key, a => a.First().Content);
        foreach (var message in All(run).Where(e => e.EventType == EventTypes.ChatMessage))
        {
            var key = new OperationKey(message.SenderId, message.RoomId, message.ClientId ?? "");
            if (!sent.TryGetValue(key, out var content))
                yield return new("phantom", message.RoomId, $"{message.Seq} ({message.EventId}) was never sent: {key}");
            else if (content != message.Content)
                yield return new("phantom", message.RoomId, $"{message.Seq} ({message.EventId}) has other content than {key} was sent with");
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
            var messages = events.Where(e => e.EventType == EventTypes.ChatMessage && e.ClientId is not null);
            foreach (var same in messages.GroupBy(e => (e.SenderId, e.ClientId)).Where(g => g.DistinctBy(e => e.EventId).Count() > 1))
                yield return new("duplicate", roomId, $"{same.Key.ClientId} of {same.Key.SenderId} is there as {Numbers(same)}");
        }
    }

    /// <summary>A room begins at 1, and within an epoch the next number follows. Only where an epoch begins numbers skip.</summary>
    public static IEnumerable<Violation> Hole(RunRecord run)
    {
        foreach (var (roomId, events) in run.History)
        {
            if (events is [var first, ..] && first.Seq != 1)
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
