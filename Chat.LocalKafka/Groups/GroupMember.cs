namespace Chat.LocalKafka.Groups;

/// <summary>One way to assign partitions that a member offers, with its subscription in that protocol's own format.</summary>
internal readonly record struct GroupProtocol(string Name, byte[] Metadata);

/// <summary>A member as its group sees it. Changed only under the group's lock.</summary>
internal sealed class GroupMember(string id, string? instanceId)
{
    public string Id { get; set; } = id;

    public string? InstanceId { get; } = instanceId;

    public required string ClientId { get; set; }

    public required string ClientHost { get; set; }

    public required int SessionTimeoutMs { get; set; }

    public required int RebalanceTimeoutMs { get; set; }

    public required GroupProtocol[] Protocols { get; set; }

    public byte[] Assignment { get; set; } = [];

    /// <summary>Set while the member waits for the others to join. It needs no heartbeat meanwhile.</summary>
    public TaskCompletionSource<JoinAnswer>? Joining { get; set; }

    /// <summary>Set while the member waits for the leader's assignment. It needs no heartbeat meanwhile.</summary>
    public TaskCompletionSource<SyncAnswer>? Syncing { get; set; }

    /// <summary>When the member is given up unless it is heard of (milliseconds of the group's clock).</summary>
    public long SessionDeadline { get; set; }

    public bool IsWaiting => Joining is not null || Syncing is not null;

    public byte[] MetadataFor(string protocol) => Array.Find(Protocols, p => p.Name == protocol).Metadata ?? [];

    public bool Offers(ReadOnlySpan<GroupProtocol> protocols)
    {
        if (protocols.Length != Protocols.Length)
            return false;
        for (var i = 0; i < protocols.Length; i++)
        {
            if (protocols[i].Name != Protocols[i].Name || !protocols[i].Metadata.AsSpan().SequenceEqual(Protocols[i].Metadata))
                return false;
        }

        return true;
    }
}
