using Chat.LoadTest.Recording;

namespace Chat.LoadTest.Checking;

/// <summary>From where it subscribed, a reader has seen all of history, and the same bytes.</summary>
internal static class ReaderVerdicts
{
    public static IEnumerable<Violation> ReaderMissed(RunRecord run)
    {
        foreach (var (reader, roomId, steps) in Rooms(run))
        {
            if (steps.OfType<Subscribed>().FirstOrDefault() is not { } first) continue;
            var start = Math.Min(first.Since ?? first.HeadSeq, steps.OfType<Saw>().Select(s => s.Event.Seq - 1).DefaultIfEmpty(long.MaxValue).First());
            var seen = steps.OfType<Saw>().Select(s => s.Event.Seq).ToHashSet();
            var missed = Events(run, roomId).Where(e => e.Seq > start && !seen.Contains(e.Seq)).ToArray();
            if (missed.Length > 0)
                yield return new("reader without an event", roomId, $"{reader} is subscribed since {start} and never saw {missed.Length}: {string.Join(", ", missed.Take(5).Select(e => $"{e.Seq} ({e.EventId})"))}");
        }
    }

    /// <summary>Where Redis forgot, a reader may have seen an event at a number that it lost; it then has one of a later epoch.</summary>
    public static IEnumerable<Violation> ReaderDiffersFromHistory(RunRecord run)
    {
        foreach (var (reader, roomId, steps) in Rooms(run))
        {
            var bySeq = Events(run, roomId).DistinctBy(e => e.Seq).ToDictionary(e => e.Seq);
            foreach (var saw in steps.OfType<Saw>())
            {
                var sight = saw.Event;
                if (bySeq.TryGetValue(sight.Seq, out var stored))
                {
                    if (!stored.Sight.IsSameEvent(sight))
                        yield return new("reader saw other bytes", roomId, $"{reader} saw {sight.EventId} ({sight.Epoch}) at {sight.Seq}, history has {stored.EventId} ({stored.Epoch}){(stored.EventId == sight.EventId ? " with other bytes" : "")}", saw.At);
                }
                else if (!(run.RedisForgot && run.Index.InHistory(roomId, sight.EventId).Any(e => e.Seq > sight.Seq && e.Epoch != sight.Epoch)))
                {
                    yield return new("phantom", roomId, $"{reader} saw {sight.EventId} at {sight.Seq} of epoch {sight.Epoch}, and history has no such number", saw.At);
                }
            }
        }
    }

    private static IReadOnlyList<StoredEvent> Events(RunRecord run, string roomId) => run.History.GetValueOrDefault(roomId) ?? [];

    private static IEnumerable<(string Reader, string RoomId, IReadOnlyList<ReaderStep> Steps)> Rooms(RunRecord run) =>
        from reader in run.Readers
        from room in reader.Steps.GroupBy(step => step.RoomId)
        select (reader.Name, room.Key, (IReadOnlyList<ReaderStep>)[.. room]);
}
