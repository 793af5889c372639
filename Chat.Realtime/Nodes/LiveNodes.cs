using Chat.ServiceDefaults.Leases;

namespace Chat.Realtime.Nodes;

/// <summary>
/// The processes that are alive. What stands in Redis under any other id is a ghost. The dead leave with each look of the reaper, about
/// once a second; a new one is known as soon as somebody asks for it. Until the first look, and while Redis is away, the last known ones count.
/// </summary>
internal sealed class LiveNodes(LeaseStore leases)
{
    private volatile IReadOnlySet<string>? _ids;

    /// <summary>Ids of leases; null before the first look.</summary>
    public IReadOnlySet<string>? Ids => _ids;

    /// <summary>True when what stands under <paramref name="leaseId"/> is to be believed.</summary>
    public bool Contains(string leaseId) => _ids?.Contains(leaseId) ?? true;

    /// <summary>A reading that decides who lives and who does not.</summary>
    public void Observe(LeaseSnapshot snapshot) => _ids = snapshot.Live.Select(lease => lease.NodeId).ToHashSet();

    /// <summary>Looks for processes that started since the last look, when one of <paramref name="leaseIds"/> is unknown.</summary>
    public async Task LearnAsync(IEnumerable<string> leaseIds)
    {
        if (_ids is not { } known || leaseIds.All(known.Contains)) return;
        var snapshot = await leases.ReadAsync();
        _ids = known.Concat(snapshot.Live.Select(lease => lease.NodeId)).ToHashSet();
    }
}
