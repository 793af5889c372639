using Chat.LocalKafka.Protocol;

namespace Chat.LocalKafka.Apis;

/// <summary>Every group is coordinated here; transactions by nobody.</summary>
internal sealed class FindCoordinatorApi(ClusterInfo cluster) : Api(ApiKey.FindCoordinator, 0, 4, flexibleFrom: 3)
{
    private const sbyte GroupKey = 0;

    public override ValueTask HandleAsync(Request request, KafkaWriter answer)
    {
        var (version, body) = (request.Version, request.Body);
        var single = version < 4 ? body.ReadString() : null;
        var type = version >= 1 ? body.ReadInt8() : GroupKey;
        var keys = version >= 4 ? body.ReadArray(r => r.ReadString()) : [];
        body.SkipTags();

        if (version >= 1)
            answer.WriteInt32(0);
        if (version < 4)
        {
            WriteError(answer, version, type, single!);
            WriteNode(answer, type, single!);
        }
        else
        {
            answer.WriteArray(keys, (w, key) =>
            {
                w.WriteString(key);
                WriteNode(w, type, key);
                WriteError(w, version, type, key);
                w.WriteTags();
            });
        }

        answer.WriteTags();
        return ValueTask.CompletedTask;
    }

    private static ErrorCode Check(sbyte type, string key) =>
        type != GroupKey ? ErrorCode.InvalidRequest : key.Length == 0 ? ErrorCode.InvalidGroupId : ErrorCode.None;

    private static void WriteError(KafkaWriter answer, short version, sbyte type, string key)
    {
        var error = Check(type, key);
        answer.WriteError(error);
        if (version >= 1)
            answer.WriteString(error == ErrorCode.InvalidRequest ? "This broker coordinates groups only; it has no transactions." : null);
    }

    private void WriteNode(KafkaWriter answer, sbyte type, string key)
    {
        var known = Check(type, key) == ErrorCode.None;
        answer.WriteInt32(known ? ClusterInfo.NodeId : -1);
        answer.WriteString(known ? cluster.Host : "");
        answer.WriteInt32(known ? cluster.Port : -1);
    }
}
