using Chat.Contracts;
using Chat.LoadTest.Recording;

namespace Chat.LoadTest.Checking;

/// <summary>Edits, deletions and reactions: whoever reads a message again sees what follows from the log of events in order.</summary>
internal static class StateVerdicts
{
    /// <summary>At rest, every way of reading history shows every message in its final state.</summary>
    public static IEnumerable<Violation> HistoryShowsOtherState(RunRecord run)
    {
        var states = new MessageStates(run);
        var plain = run.History.SelectMany(room => room.Value.Select(e => (Viewer: "history", User: (string?)null, Event: e)));
        var views = run.Views.SelectMany(view => view.Events.Select(e => (view.Viewer, User: (string?)view.UserId, Event: e)));
        foreach (var (viewer, user, e) in plain.Concat(views))
        {
            if (states.Since(e, long.MaxValue) is { } faces && !faces.Contains(e.Face))
                yield return Differs(viewer, e, e.Face.ToString(), string.Join(" or ", faces));
            if (user is null || e.EventType != EventTypes.ChatMessage) continue;
            var expected = states.Reactions(e);
            if (!Same(expected, e.Reactions, user))
                yield return Differs(viewer, e, $"reactions {Told(e.Reactions)}", $"{string.Join(", ", expected.Select(r => $"{r.Key} by {string.Join(' ', r)}"))}");
        }
    }

    /// <summary>Live events are never changed. What is read later has every change up to the end of the answer that it came in, and none that was never sent.</summary>
    public static IEnumerable<Violation> ReaderSawOtherState(RunRecord run)
    {
        var states = new MessageStates(run);
        foreach (var reader in run.Readers)
        {
            foreach (var saw in reader.Steps.OfType<Saw>())
            {
                foreach (var stored in run.Index.InHistory(saw.RoomId, saw.Event.EventId))
                {
                    // Where Redis forgot, changes may stand in another order now than when they were seen.
                    var faces = saw.Kind == SightKind.Live ? (states.Sent(stored) is { } sent ? [sent] : null) : states.Since(stored, run.RedisForgot ? 0 : saw.AsOf);
                    if (faces is not null && !faces.Contains(saw.Event.Face))
                        yield return Differs($"{reader.Name} ({saw.Kind}, as of {saw.AsOf})", stored, saw.Event.Face.ToString(), string.Join(" or ", faces)) with { At = saw.At };
                }
            }
        }
    }

    /// <summary>Everybody reads the same events over every node.</summary>
    public static IEnumerable<Violation> ViewsDiffer(RunRecord run)
    {
        foreach (var view in run.Views)
        {
            var history = run.History.GetValueOrDefault(view.RoomId) ?? [];
            var other = history.Zip(view.Events).FirstOrDefault(pair => !pair.First.Sight.IsSameEvent(pair.Second.Sight));
            if (other is { First: { } first, Second: { } second })
                yield return new("views differ", view.RoomId, $"{first.Seq} ({first.EventId}) in history is {second.Seq} ({second.EventId}) for {view.Viewer}");
            else if (history.Count != view.Events.Count)
                yield return new("views differ", view.RoomId, $"history has {history.Count} events, and {view.Viewer} sees {view.Events.Count}");
        }
    }

    private static Violation Differs(string viewer, StoredEvent e, string seen, string expected) =>
        new("state differs", e.RoomId, $"{e.Seq} ({e.EventId}, {e.EventType}) has {seen} for {viewer}; from the log follows {(expected.Length == 0 ? "none" : expected)}");

    private static bool Same(ILookup<string, string> expected, IReadOnlyList<ReactionSeen>? seen, string user) =>
        seen is not null && seen.Count == expected.Count && seen.All(reaction =>
            reaction.Count == expected[reaction.Content].Count()
            && reaction.Me == expected[reaction.Content].Contains(user)
            && reaction.UserIds.ToHashSet().SetEquals(expected[reaction.Content].Take(ProtocolLimits.MaxReactionUsers)));

    private static string Told(IReadOnlyList<ReactionSeen>? reactions) =>
        reactions is null ? "left out" : $"[{string.Join(", ", reactions.Select(r => $"{r.Count}× {r.Content} by {string.Join(' ', r.UserIds)}{(r.Me ? " and me" : "")}"))}]";
}
