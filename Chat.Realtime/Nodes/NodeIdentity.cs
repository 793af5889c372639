namespace Chat.Realtime.Nodes;

/// <summary>Who this process is: random at each start, never the replica's name, which a restart would inherit together with its ghosts.</summary>
public sealed class NodeIdentity
{
    public string Id { get; } = Guid.NewGuid().ToString("N");
}
