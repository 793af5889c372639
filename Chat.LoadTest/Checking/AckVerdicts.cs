using Chat.Contracts;
using Chat.LoadTest.Recording;

namespace Chat.LoadTest.Checking;

/// <summary>An ack means: durable, once, at this number.</summary>
internal static class AckVerdicts
{
    // A refusal for one of these reasons asks to be repeated; any other is final.
    private static readonly HashSet<string> Passing = [ErrorCodes.Unavailable, ErrorCodes.RateLimited, ErrorCodes.Internal, SendFailure.Unknown];

    public static IEnumerable<Violation> AckedButMissing(RunRecord run)
    {
        foreach (var ack in run.Acks.DistinctBy(a => (a.Operation, a.EventId)))
        {
            if (!Stored(run, ack).Any())
                yield return new("acked but missing", ack.Operation.RoomId, $"{ack.Operation} was acked as {ack.Seq} ({ack.EventId}) over {ack.Route} and is not in history", ack.At);
        }
    }

    /// <summary>Where Redis forgot, an event may stand further up, in an epoch that came after the one of its ack; nowhere else.</summary>
    public static IEnumerable<Violation> AckDiffersFromHistory(RunRecord run)
    {
        foreach (var ack in run.Acks)
        {
            foreach (var stored in Stored(run, ack))
            {
                var asAcked = stored.Seq == ack.Seq && stored.Epoch == ack.Epoch;
                var numberedAnew = run.RedisForgot && stored.Epoch != ack.Epoch && stored.Seq > ack.Seq;
                if (!asAcked && !numberedAnew)
                    yield return new("ack differs from history", ack.Operation.RoomId, $"{ack.Operation} was acked as {ack.Seq} of epoch {ack.Epoch} and is {stored.Seq} of epoch {stored.Epoch} in history", ack.At);
                if (stored.SenderId != ack.Operation.SenderId || stored.ClientId != ack.Operation.ClientId)
                    yield return new("ack differs from history", ack.Operation.RoomId, $"{ack.Operation} was acked with {stored.EventId}, which is {stored.ClientId} of {stored.SenderId}", ack.At);
            }
        }
    }

    /// <summary>A repeated send gets the first one's event and number.</summary>
    public static IEnumerable<Violation> AcksDisagree(RunRecord run)
    {
        foreach (var acks in run.Acks.GroupBy(a => a.Operation))
        {
            var first = acks.First();
            foreach (var other in acks.Skip(1))
            {
                var same = other.EventId == first.EventId && ((other.Seq == first.Seq && other.Epoch == first.Epoch) || (run.RedisForgot && other.Epoch != first.Epoch));
                if (!same)
                    yield return new("acks disagree", first.Operation.RoomId, $"{first.Operation} was acked as {first.Seq} ({first.EventId}) and as {other.Seq} ({other.EventId}) over {other.Route}", other.At);
            }
        }
    }

    /// <summary>Once everything is healthy again, each send that is repeated gets its ack; or hears that what it would change is deleted.</summary>
    public static IEnumerable<Violation> Unanswered(RunRecord run)
    {
        var answered = run.Acks.Select(a => a.Operation).ToHashSet();
        var deletions = new Deletions(run);
        answered.UnionWith(run.Failures.Where(deletions.Explain).Select(failure => failure.Operation));
        foreach (var attempt in run.Attempts.DistinctBy(a => a.Operation))
        {
            if (!answered.Contains(attempt.Operation))
                yield return new("never acked", attempt.Operation.RoomId, $"{attempt.Operation}, first sent over {attempt.Route}, was repeated to the end and got no ack", attempt.At);
        }
    }

    /// <summary>No fault of ours is a reason to tell a client that its send is wrong.</summary>
    public static IEnumerable<Violation> Refused(RunRecord run)
    {
        var deletions = new Deletions(run);
        return run.Failures
            .Where(failure => !Passing.Contains(failure.Code) && !deletions.Explain(failure))
            .Select(failure => new Violation("refused", failure.Operation.RoomId, $"{failure.Operation} got {failure.Code} over {failure.Route}", failure.At));
    }

    /// <summary>Whoever saw the ack of a deletion and then changes the message is refused.</summary>
    public static IEnumerable<Violation> ChangedAfterDeletion(RunRecord run)
    {
        var deletions = new Deletions(run);
        foreach (var attempts in run.Attempts.GroupBy(a => a.Operation))
        {
            var (wish, sentAt) = (attempts.First().Wish, attempts.Min(a => a.At));
            if (wish.TargetId is { } target && deletions.AckedAt(attempts.Key, target) < sentAt && run.Index.Of(attempts.Key) is { } stored)
                yield return new("changed after deletion", stored.RoomId, $"{attempts.Key} was first sent after the ack of the deletion of {target}, and is {stored.Seq} ({stored.EventType})", sentAt);
        }
    }

    private static IEnumerable<StoredEvent> Stored(RunRecord run, SendAck ack) => run.Index.InHistory(ack.Operation.RoomId, ack.EventId);
}
