using Chat.LoadTest.Recording;

namespace Chat.LoadTest.Checking;

/// <summary>Who saw an ack and then sends, stands behind it, whoever the senders and whatever the way.</summary>
internal static class OrderVerdicts
{
    /// <summary>All clients of a run share one clock, so this holds between any two of them.</summary>
    public static IEnumerable<Violation> EarlierThanAnAckedOne(RunRecord run)
    {
        foreach (var room in Placed(run).GroupBy(p => p.Operation.RoomId))
        {
            var acked = new Queue<Placement>(room.Where(p => p.AckedAt is not null).OrderBy(p => p.AckedAt));
            Placement? highest = null;
            foreach (var sent in room.OrderBy(p => p.SentAt))
            {
                while (acked.TryPeek(out var next) && next.AckedAt < sent.SentAt)
                {
                    if (highest is null || next.Seq > highest.Seq) highest = next;
                    acked.Dequeue();
                }
                if (highest is not null && sent.Seq <= highest.Seq)
                    yield return new("reordered", room.Key, $"{sent.Operation} was first sent {Ago(sent, highest)} ms after the ack of {highest.Operation} and is {sent.Seq}, which is not above {highest.Seq}", sent.SentAt);
            }
        }
    }

    /// <summary>What one connection sends to one room is accepted in that order; looked at where each needed one try only.</summary>
    public static IEnumerable<Violation> PipelineReordered(RunRecord run)
    {
        var once = run.Attempts.GroupBy(a => a.Operation).Where(g => g.Count() == 1).Select(g => g.Single()).Where(a => a.Connection != 0);
        var acks = run.Acks.GroupBy(a => a.Operation).ToDictionary(g => g.Key, g => g.First());
        foreach (var pipeline in once.GroupBy(a => (a.Connection, a.Operation.RoomId)))
        {
            var numbered = pipeline.OrderBy(a => a.At).Where(a => acks.ContainsKey(a.Operation)).Select(a => acks[a.Operation]).ToArray();
            foreach (var (before, after) in numbered.Zip(numbered.Skip(1)))
            {
                if (after.Seq <= before.Seq)
                    yield return new("reordered", before.Operation.RoomId, $"{before.Operation} was sent before {after.Operation} on one connection; they are {before.Seq} and {after.Seq}", after.At);
            }
        }
    }

    private static string Ago(Placement sent, Placement acked) => (sent.SentAt - acked.AckedAt!.Value).TotalMilliseconds.ToString("0.###", System.Globalization.CultureInfo.InvariantCulture);

    private static IEnumerable<Placement> Placed(RunRecord run)
    {
        var firstAck = run.Acks.GroupBy(a => a.Operation).ToDictionary(g => g.Key, g => g.Min(a => a.At));
        foreach (var attempts in run.Attempts.GroupBy(a => a.Operation))
        {
            var stored = run.Index.Of(attempts.Key);
            if (stored is not null)
                yield return new Placement(attempts.Key, attempts.Min(a => a.At), firstAck.TryGetValue(attempts.Key, out var at) ? at : null, stored.Seq);
        }
    }

    private sealed record Placement(OperationKey Operation, TimeSpan SentAt, TimeSpan? AckedAt, long Seq);
}
