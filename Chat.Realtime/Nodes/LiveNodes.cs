using Chat.Contracts;
using Chat.ServiceDefaults.Leases;

namespace Chat.Realtime.Nodes;

/// <summary>
/// The processes that were alive at the last look, at most about a second ago. What stands in Redis under any other id is a ghost.
/// Until the first look, and while Redis is away, the last known ones count.
/// </summary>
public sealed class LiveNodes
{
    private volatile IReadOnlySet<string>? _ids;

    /// <summary>Ids of leases; null before the first look.</summary>
    public IReadOnlySet<string>? Ids => _ids;

    /// <summary>True when what stands under <paramref name="leaseId"/> is to be believed.</summary>
    public bool Contains(string leaseId) => _ids?.Contains(leaseId) ?? true;

    internal void Observe(LeaseSnapshot snapshot) => _ids = snapshot.Live.Select(lease => lease.NodeId).ToHashSet();
}
