using System.Text;
using Chat.LocalKafka.Groups;
using Chat.LocalKafka.Log;
using Chat.LocalKafka.Protocol;
using Chat.LocalKafka.Topics;

namespace Chat.LocalKafka.Apis;

/// <summary>Stores how far a group has read. Answered when it is durable.</summary>
internal sealed class OffsetCommitApi(GroupCoordinator groups, TopicRegistry topics, TimeProvider time) : Api(ApiKey.OffsetCommit, 0, 8, flexibleFrom: 8)
{
    private readonly record struct Part(int Index, long Offset, int LeaderEpoch, string Metadata);

    private readonly record struct TopicParts(string Name, Part[] Parts);

    public override async ValueTask HandleAsync(Request request, KafkaWriter answer)
    {
        var (version, body) = (request.Version, request.Body);
        var groupId = body.ReadString();
        var generation = version >= 1 ? body.ReadInt32() : -1;
        var memberId = version >= 1 ? body.ReadString() : "";
        var instanceId = version >= 7 ? body.ReadNullableString() : null;
        if (version is >= 2 and <= 4)
            body.ReadInt64(); // Retention of single commits: the broker's setting holds.
        var asked = body.ReadArray(r =>
        {
            var name = r.ReadString();
            var parts = r.ReadArray(p =>
            {
                var (index, offset) = (p.ReadInt32(), p.ReadInt64());
                var leaderEpoch = version >= 6 ? p.ReadInt32() : -1;
                if (version == 1)
                    p.ReadInt64(); // The consumer's own time.
                var part = new Part(index, offset, leaderEpoch, p.ReadNullableString() ?? "");
                p.SkipTags();
                return part;
            });
            r.SkipTags();
            return new TopicParts(name, parts);
        });
        body.SkipTags();

        var error = groups.CheckCommit(groupId, new MemberIdentity(memberId, generation, instanceId));
        if (error == ErrorCode.None)
            error = await CommitAsync(groupId, asked);

        if (version >= 3)
            answer.WriteInt32(0);
        answer.WriteArray(asked, (w, topic) =>
        {
            w.WriteString(topic.Name);
            w.WriteArray(topic.Parts, (w, part) =>
            {
                w.WriteInt32(part.Index);
                w.WriteError(error == ErrorCode.None ? Check(topic.Name, part) : error);
                w.WriteTags();
            });
            w.WriteTags();
        });
        answer.WriteTags();
    }

    private Task<ErrorCode> CommitAsync(string groupId, TopicParts[] asked)
    {
        var now = time.GetUtcNow().ToUnixTimeMilliseconds();
        var offsets = asked
            .SelectMany(t => t.Parts.Where(p => Check(t.Name, p) == ErrorCode.None)
                .Select(p => KeyValuePair.Create(new OffsetKey(t.Name, p.Index), new CommittedOffset(p.Offset, p.LeaderEpoch, p.Metadata, now))))
            .ToArray();
        return offsets.Length == 0 ? Task.FromResult(ErrorCode.None) : groups.CommitAsync(groupId, offsets);
    }

    private ErrorCode Check(string topic, Part part) =>
        topics.FindPartition(topic, part.Index) is null ? ErrorCode.UnknownTopicOrPartition
        : Encoding.UTF8.GetByteCount(part.Metadata) > GroupCoordinator.MaxMetadataBytes ? ErrorCode.OffsetMetadataTooLarge
        : ErrorCode.None;
}
