using Chat.LocalKafka.Protocol;

namespace Chat.LocalKafka.Apis;

/// <summary>The cluster: this node.</summary>
internal sealed class DescribeClusterApi(ClusterInfo cluster) : Api(ApiKey.DescribeCluster, 0, 1, flexibleFrom: 0)
{
    private const sbyte Brokers = 1;
    private const int NoOperations = int.MinValue;

    public override ValueTask HandleAsync(Request request, KafkaWriter answer)
    {
        request.Body.ReadBool(); // Operations: nothing is authorized here.
        var endpointType = request.Version >= 1 ? request.Body.ReadInt8() : Brokers;
        request.Body.SkipTags();

        var error = endpointType == Brokers ? ErrorCode.None : ErrorCode.UnsupportedEndpointType;
        answer.WriteInt32(0);
        answer.WriteError(error);
        answer.WriteString(error == ErrorCode.None ? null : "This broker has no controllers of their own.");
        if (request.Version >= 1)
            answer.WriteInt8(endpointType);
        answer.WriteString(cluster.ClusterId);
        answer.WriteInt32(ClusterInfo.NodeId);
        answer.WriteArrayLength(error == ErrorCode.None ? 1 : 0);
        if (error == ErrorCode.None)
        {
            answer.WriteInt32(ClusterInfo.NodeId);
            answer.WriteString(cluster.Host);
            answer.WriteInt32(cluster.Port);
            answer.WriteString(null); // Rack.
            answer.WriteTags();
        }

        answer.WriteInt32(NoOperations);
        answer.WriteTags();
        return ValueTask.CompletedTask;
    }
}
