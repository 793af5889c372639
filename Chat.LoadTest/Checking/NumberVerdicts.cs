using Chat.LoadTest.Recording;

namespace Chat.LoadTest.Checking;

/// <summary>A number of a room names one event, in one epoch, for everybody and for ever.</summary>
internal static class NumberVerdicts
{
    public static IEnumerable<Violation> OneNumberTwoEvents(RunRecord run)
    {
        foreach (var number in Views(run).GroupBy(v => (v.RoomId, v.Seq)))
        {
            var events = number.DistinctBy(v => (v.Epoch, v.EventId)).ToArray();
            if (events.Length < 2) continue;
            var verdict = events.DistinctBy(v => v.Epoch).Count() > 1 ? "epoch misuse" : "duplicate";
            yield return new(verdict, number.Key.RoomId, $"{number.Key.Seq} is {string.Join(" and ", events.Select(e => $"{e.EventId} of epoch {e.Epoch} ({e.Viewer})"))}");
        }
    }

    private static IEnumerable<View> Views(RunRecord run)
    {
        var history = run.History.Values.SelectMany(events => events).Select(e => new View(e.RoomId, e.Seq, e.Epoch, e.EventId, "history"));
        var acks = run.Acks.Select(a => new View(a.Operation.RoomId, a.Seq, a.Epoch, a.EventId, "ack"));
        var sights = run.Readers.SelectMany(reader => reader.Steps.OfType<Saw>()
            .Select(s => new View(s.RoomId, s.Event.Seq, s.Event.Epoch, s.Event.EventId, reader.Name)));
        return history.Concat(acks).Concat(sights);
    }

    private readonly record struct View(string RoomId, long Seq, string Epoch, string EventId, string Viewer);
}
