using Chat.LocalKafka.Groups;
using Chat.LocalKafka.Protocol;
using Chat.LocalKafka.Topics;

namespace Chat.LocalKafka.Apis;

/// <summary>Deletes committed offsets of a group that nobody is in.</summary>
internal sealed class OffsetDeleteApi(GroupCoordinator groups, TopicRegistry topics) : Api(ApiKey.OffsetDelete, 0, 0, NeverFlexible)
{
    public override async ValueTask HandleAsync(Request request, KafkaWriter answer)
    {
        var groupId = request.Body.ReadString();
        var asked = request.Body.ReadArray(r => (Topic: r.ReadString(), Partitions: r.ReadArray(p => p.ReadInt32())));

        var error = Check(groupId);
        if (error == ErrorCode.None)
        {
            var keys = asked.SelectMany(t => t.Partitions.Select(p => new OffsetKey(t.Topic, p))).ToArray();
            error = await groups.ForgetAsync(groupId, keys);
        }

        answer.WriteError(error);
        answer.WriteInt32(0);
        answer.WriteArray(error == ErrorCode.None ? asked : [], (w, topic) =>
        {
            w.WriteString(topic.Topic);
            w.WriteArray(topic.Partitions, (w, index) =>
            {
                w.WriteInt32(index);
                w.WriteError(topics.FindPartition(topic.Topic, index) is null ? ErrorCode.UnknownTopicOrPartition : ErrorCode.None);
            });
        });
    }

    private ErrorCode Check(string groupId)
    {
        if (groupId.Length == 0)
            return ErrorCode.InvalidGroupId;
        return groups.Find(groupId)?.Describe() switch
        {
            null => ErrorCode.GroupIdNotFound,
            { Members.Count: > 0 } => ErrorCode.NonEmptyGroup,
            _ => ErrorCode.None,
        };
    }
}
