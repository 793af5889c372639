using Chat.LocalKafka.Groups;
using Chat.LocalKafka.Protocol;

namespace Chat.LocalKafka.Apis;

/// <summary>Members go, so that the others need not wait for their sessions to end.</summary>
internal sealed class LeaveGroupApi(GroupCoordinator groups) : Api(ApiKey.LeaveGroup, 0, 5, flexibleFrom: 4)
{
    private readonly record struct Leaver(string MemberId, string? InstanceId);

    public override ValueTask HandleAsync(Request request, KafkaWriter answer)
    {
        var (version, body) = (request.Version, request.Body);
        var groupId = body.ReadString();
        var leavers = version < 3 ? [new Leaver(body.ReadString(), null)] : body.ReadArray(r =>
        {
            var leaver = new Leaver(r.ReadString(), r.ReadNullableString());
            if (version >= 5)
                r.ReadNullableString(); // Reason.
            r.SkipTags();
            return leaver;
        });
        body.SkipTags();

        var group = groups.Find(groupId);
        var results = leavers
            .Select(l => (Leaver: l, Error: group?.Leave(l.MemberId, l.InstanceId) ?? ErrorCode.UnknownMemberId))
            .ToArray();
        var error = groupId.Length == 0 ? ErrorCode.InvalidGroupId
            : version < 3 ? results[0].Error
            : ErrorCode.None;
        if (version >= 1)
            answer.WriteInt32(0);
        answer.WriteError(error);
        if (version >= 3)
        {
            answer.WriteArray(results, (w, result) =>
            {
                w.WriteString(result.Leaver.MemberId);
                w.WriteString(result.Leaver.InstanceId);
                w.WriteError(result.Error);
                w.WriteTags();
            });
        }

        answer.WriteTags();
        return ValueTask.CompletedTask;
    }
}
