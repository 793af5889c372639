namespace Chat.LocalKafka.Apis;

/// <summary>Who this broker says it is. There is one node, and it is the controller, the leader and the coordinator of everything.</summary>
internal sealed record ClusterInfo(string ClusterId, string Host, int Port)
{
    public const int NodeId = 1;
}
