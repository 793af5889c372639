using Chat.LocalKafka.Groups;
using Chat.LocalKafka.Protocol;

namespace Chat.LocalKafka.Apis;

/// <summary>Reads how far groups have read; -1 where nothing was committed.</summary>
internal sealed class OffsetFetchApi(GroupCoordinator groups) : Api(ApiKey.OffsetFetch, 0, 8, flexibleFrom: 6)
{
    private const short SeveralGroupsFromVersion = 8;

    private readonly record struct Asked(string Group, IReadOnlyList<(string Topic, int[] Partitions)>? Topics);

    public override ValueTask HandleAsync(Request request, KafkaWriter answer)
    {
        var (version, body) = (request.Version, request.Body);
        var asked = version >= SeveralGroupsFromVersion ? body.ReadArray(ReadGroup) : [ReadAsked(body)];
        if (version >= 7)
            body.ReadBool(); // Require stable: without transactions every offset is.
        body.SkipTags();

        if (version >= 3)
            answer.WriteInt32(0);
        if (version >= SeveralGroupsFromVersion)
        {
            answer.WriteArray(asked, (w, group) =>
            {
                w.WriteString(group.Group);
                WriteOffsets(w, version, group);
                w.WriteTags();
            });
        }
        else
        {
            WriteOffsets(answer, version, asked[0]);
        }

        answer.WriteTags();
        return ValueTask.CompletedTask;
    }

    private static Asked ReadGroup(KafkaReader reader)
    {
        var asked = ReadAsked(reader);
        reader.SkipTags();
        return asked;
    }

    private static Asked ReadAsked(KafkaReader reader) => new(reader.ReadString(), reader.ReadNullableArray(r =>
    {
        var topic = (r.ReadString(), r.ReadArray(p => p.ReadInt32()));
        r.SkipTags();
        return topic;
    }));

    private void WriteOffsets(KafkaWriter answer, short version, Asked asked)
    {
        var error = asked.Group.Length == 0 ? ErrorCode.InvalidGroupId : ErrorCode.None;
        var topics = asked.Topics ?? [.. groups.Offsets.All(asked.Group)
            .GroupBy(o => o.Key.Topic, o => o.Key.Partition)
            .Select(g => (g.Key, g.ToArray()))];
        answer.WriteArray(topics, (w, topic) =>
        {
            w.WriteString(topic.Topic);
            w.WriteArray(topic.Partitions, (w, index) =>
            {
                var found = groups.Offsets.Find(asked.Group, new OffsetKey(topic.Topic, index));
                w.WriteInt32(index);
                w.WriteInt64(found?.Offset ?? -1);
                if (version >= 5)
                    w.WriteInt32(found?.LeaderEpoch ?? -1);
                w.WriteString(found?.Metadata ?? "");
                w.WriteError(version < 2 ? error : ErrorCode.None);
                w.WriteTags();
            });
            w.WriteTags();
        });
        if (version >= 2)
            answer.WriteError(error);
    }
}
