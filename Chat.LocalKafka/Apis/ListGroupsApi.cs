using Chat.LocalKafka.Groups;
using Chat.LocalKafka.Protocol;

namespace Chat.LocalKafka.Apis;

/// <summary>All groups, or those in given states.</summary>
internal sealed class ListGroupsApi(GroupCoordinator groups) : Api(ApiKey.ListGroups, 0, 4, flexibleFrom: 3)
{
    public override ValueTask HandleAsync(Request request, KafkaWriter answer)
    {
        var (version, body) = (request.Version, request.Body);
        var states = version >= 4 ? body.ReadArray(r => r.ReadString()) : [];
        body.SkipTags();

        var listed = groups.All
            .Select(g => g.Describe())
            .Where(g => states.Length == 0 || states.Contains(g.State.ToString(), StringComparer.OrdinalIgnoreCase))
            .ToArray();
        if (version >= 1)
            answer.WriteInt32(0);
        answer.WriteError(ErrorCode.None);
        answer.WriteArray(listed, (w, group) =>
        {
            w.WriteString(group.Id);
            w.WriteString(group.ProtocolType);
            if (version >= 4)
                w.WriteString(group.State.ToString());
            w.WriteTags();
        });
        answer.WriteTags();
        return ValueTask.CompletedTask;
    }
}
