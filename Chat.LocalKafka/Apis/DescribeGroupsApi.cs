using Chat.LocalKafka.Groups;
using Chat.LocalKafka.Protocol;

namespace Chat.LocalKafka.Apis;

/// <summary>State, members and assignments of groups. A group that does not exist is dead, as Kafka puts it.</summary>
internal sealed class DescribeGroupsApi(GroupCoordinator groups) : Api(ApiKey.DescribeGroups, 0, 5, flexibleFrom: 5)
{
    /// <summary>The authorized operations are not known, because nothing is authorized here.</summary>
    private const int NoOperations = int.MinValue;

    public override ValueTask HandleAsync(Request request, KafkaWriter answer)
    {
        var (version, body) = (request.Version, request.Body);
        var asked = body.ReadArray(r => r.ReadString());
        if (version >= 3)
            body.ReadBool(); // Operations: see NoOperations.
        body.SkipTags();

        if (version >= 1)
            answer.WriteInt32(0);
        answer.WriteArray(asked, (w, id) => Write(w, version, id));
        answer.WriteTags();
        return ValueTask.CompletedTask;
    }

    private void Write(KafkaWriter answer, short version, string id)
    {
        var group = groups.Find(id)?.Describe() ?? new DescribedGroup(id, GroupState.Dead, "", "", []);
        answer.WriteError(id.Length == 0 ? ErrorCode.InvalidGroupId : ErrorCode.None);
        answer.WriteString(group.Id);
        answer.WriteString(group.State.ToString());
        answer.WriteString(group.ProtocolType);
        answer.WriteString(group.Protocol);
        answer.WriteArray(group.Members, (w, member) =>
        {
            w.WriteString(member.Id);
            if (version >= 4)
                w.WriteString(member.InstanceId);
            w.WriteString(member.ClientId);
            w.WriteString(member.ClientHost);
            w.WriteBytes(member.Metadata);
            w.WriteBytes(member.Assignment);
            w.WriteTags();
        });
        if (version >= 3)
            answer.WriteInt32(NoOperations);
        answer.WriteTags();
    }
}
