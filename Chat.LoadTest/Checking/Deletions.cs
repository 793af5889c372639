using Chat.Contracts;
using Chat.LoadTest.Recording;

namespace Chat.LoadTest.Checking;

/// <summary>What a deletion explains: from the moment it is tried, other changes of its message may be refused.</summary>
internal sealed class Deletions
{
    private readonly IReadOnlyDictionary<OperationKey, Wish> _wishes;
    private readonly ILookup<string, (OperationKey Operation, TimeSpan TriedAt, TimeSpan? AckedAt)> _byTarget;
    private readonly Dictionary<OperationKey, TimeSpan> _firstAcks;

    public Deletions(RunRecord run)
    {
        _wishes = run.Wishes;
        _firstAcks = run.Acks.GroupBy(a => a.Operation).ToDictionary(g => g.Key, g => g.Min(a => a.At));
        _byTarget = run.Attempts.Where(a => a.Wish is { EventType: EventTypes.MessageDeleted, TargetId: not null }).GroupBy(a => a.Operation)
            .Select(g => (Target: g.First().Wish.TargetId!, Operation: g.Key, TriedAt: g.Min(a => a.At), AckedAt: _firstAcks.TryGetValue(g.Key, out var at) ? at : (TimeSpan?)null))
            .ToLookup(d => d.Target, d => (d.Operation, d.TriedAt, d.AckedAt));
    }

    /// <summary>When anybody but <paramref name="change"/> itself first had the ack of a deletion.</summary>
    public TimeSpan? AckedAt(OperationKey change, string target) => _byTarget[target].Where(d => d.Operation != change).Min(d => d.AckedAt);

    /// <summary>A change that was acked before is acked again, whatever became of its message; any other may find it deleted.</summary>
    public bool Explain(SendFailure failure) =>
        failure.Code == ErrorCodes.NotFound
        && _wishes.TryGetValue(failure.Operation, out var wish) && wish.TargetId is { } target
        && _byTarget[target].Any(d => d.Operation != failure.Operation && d.TriedAt < failure.At)
        && !(_firstAcks.TryGetValue(failure.Operation, out var ackedAt) && ackedAt < failure.SentAt);
}
