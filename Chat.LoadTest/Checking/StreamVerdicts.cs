using Chat.Contracts;
using Chat.LoadTest.Recording;

namespace Chat.LoadTest.Checking;

/// <summary>What one subscription brings: ascending, without a hole, and a new epoch only after it was announced.</summary>
internal static class StreamVerdicts
{
    public static IEnumerable<Violation> StreamBroken(RunRecord run) =>
        from reader in run.Readers
        from room in reader.Steps.GroupBy(step => step.RoomId)
        from violation in Follow(reader.Name, room)
        select violation;

    /// <summary>A gap in one epoch that is not too long is closed and never handed to the client.</summary>
    public static IEnumerable<Violation> ReloadedWithoutNeed(RunRecord run) =>
        from reader in run.Readers
        from step in reader.Steps.OfType<Subscribed>()
        where !step.Recovered && step.Since is { } since && step.SinceEpoch == step.Epoch
            && since <= step.HeadSeq && step.HeadSeq - since <= ProtocolLimits.MaxRecoveredEvents
        select new Violation("reloaded without need", step.RoomId, $"{reader.Name} asked for what follows {step.Since} of epoch {step.Epoch}, the head is {step.HeadSeq}, and was told to reload", step.At);

    private static IEnumerable<Violation> Follow(string reader, IEnumerable<ReaderStep> steps)
    {
        // Where the stream stands; null while there is none.
        (long Seq, string Epoch)? position = null;
        foreach (var step in steps)
        {
            switch (step)
            {
                case Subscribed { Recovered: true } subscribed:
                    if (subscribed.SinceEpoch is { } known && subscribed.Since > 0 && known != subscribed.Epoch)
                        yield return new("epoch misuse", step.RoomId, $"{reader} resumed after {subscribed.Since} of epoch {known} and was told that epoch {subscribed.Epoch} goes on from there", step.At);
                    position = (subscribed.Since ?? subscribed.HeadSeq, subscribed.Epoch);
                    break;
                case Subscribed or ToldToReload:
                    position = null;
                    break;
                case Saw { Kind: not SightKind.Loaded } saw when position is { } last:
                    if (saw.Event.Epoch != last.Epoch)
                    {
                        // An empty room has no epoch of its own yet: its first event may bring another one.
                        if (last.Seq > 0)
                            yield return new("epoch misuse", step.RoomId, $"{reader} got {saw.Event.Seq} of epoch {saw.Event.Epoch} after {last.Seq} of epoch {last.Epoch} without a resync", step.At);
                    }
                    else if (saw.Event.Seq <= last.Seq)
                    {
                        yield return new("stream not ascending", step.RoomId, $"{reader} got {saw.Event.Seq} after {last.Seq}", step.At);
                    }
                    // The first event of a room is looked at with history, which knows where the room begins.
                    else if (saw.Event.Seq > last.Seq + 1 && last.Seq > 0)
                    {
                        yield return new("hole at a reader", step.RoomId, $"{reader} got {saw.Event.Seq} after {last.Seq} of epoch {last.Epoch}", step.At);
                    }
                    position = (saw.Event.Seq, saw.Event.Epoch);
                    break;
                case TurnedAway refused:
                    yield return new("refused", step.RoomId, $"{reader} got {refused.Code}", step.At);
                    position = null;
                    break;
                case Saw:
                    break;
                default:
                    throw new InvalidOperationException($"A step of kind {step.GetType().Name} is not known to the checker.");
            }
        }
    }
}
