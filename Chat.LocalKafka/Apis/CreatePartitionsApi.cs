using Chat.LocalKafka.Protocol;
using Chat.LocalKafka.Topics;

namespace Chat.LocalKafka.Apis;

/// <summary>Adds partitions to topics.</summary>
internal sealed class CreatePartitionsApi(TopicRegistry topics) : Api(ApiKey.CreatePartitions, 0, 3, flexibleFrom: 2)
{
    private readonly record struct Asked(string Name, int Total, int[][]? Assignments);

    public override ValueTask HandleAsync(Request request, KafkaWriter answer)
    {
        var body = request.Body;
        var asked = body.ReadArray(r =>
        {
            var topic = new Asked(r.ReadString(), r.ReadInt32(), r.ReadNullableArray(a =>
            {
                var brokers = a.ReadArray(b => b.ReadInt32());
                a.SkipTags();
                return brokers;
            }));
            r.SkipTags();
            return topic;
        });
        body.ReadInt32(); // Time-out.
        var validateOnly = body.ReadBool();
        body.SkipTags();

        answer.WriteInt32(0);
        answer.WriteArray(asked, (w, topic) =>
        {
            var fault = Add(topic, validateOnly);
            w.WriteString(topic.Name);
            w.WriteError(fault.Error);
            w.WriteString(fault.Message);
            w.WriteTags();
        });
        answer.WriteTags();
        return ValueTask.CompletedTask;
    }

    private TopicFault Add(Asked asked, bool validateOnly)
    {
        if (topics.Find(asked.Name) is { } topic
            && asked.Assignments is { } assignments
            && (assignments.Length != asked.Total - topic.Partitions.Length || assignments.Any(b => b is not [ClusterInfo.NodeId])))
            return new TopicFault(ErrorCode.InvalidReplicaAssignment, $"Each new partition must be on broker {ClusterInfo.NodeId} alone.");
        return topics.AddPartitions(asked.Name, asked.Total, validateOnly);
    }
}
