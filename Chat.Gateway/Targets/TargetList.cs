using Chat.Contracts;
using Chat.ServiceDefaults.Leases;

namespace Chat.Gateway.Targets;

/// <summary>
/// The processes of one kind that may get connections: live and ready. A draining or dead one leaves the list with the next reading.
/// The list does not become empty because of Redis: when all leases are suddenly gone or old at once (Redis was away, or lost them),
/// the last known ones stay for the life of a lease, in which living processes announce themselves again.
/// </summary>
public sealed class TargetList(TimeProvider time)
{
    private static readonly TimeSpan Hold = TimeSpan.FromSeconds(NodeLease.LifeSeconds);

    private long? _emptySince;

    public IReadOnlyList<NodeLease> Ready { get; private set; } = [];

    /// <summary>Takes in a reading; true when <see cref="Ready"/> changed.</summary>
    public bool Observe(LeaseSnapshot snapshot)
    {
        var live = snapshot.Live.ToList();
        var ready = live.Where(lease => lease.State == NodeLease.Ready).OrderBy(lease => lease.NodeId, StringComparer.Ordinal).ToList();
        if (live.Count > 0)
        {
            _emptySince = null;
        }
        else if (Ready.Count > 0)
        {
            _emptySince ??= time.GetTimestamp();
            if (time.GetElapsedTime(_emptySince.Value) < Hold) return false;
        }
        var changed = !ready.Select(Key).SequenceEqual(Ready.Select(Key));
        Ready = ready;
        return changed;
    }

    private static (string, string) Key(NodeLease lease) => (lease.NodeId, lease.Address);
}
