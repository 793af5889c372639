using Chat.LocalKafka.Groups;
using Chat.LocalKafka.Protocol;

namespace Chat.LocalKafka.Apis;

/// <summary>A member says that it lives, and hears whether it must join again.</summary>
internal sealed class HeartbeatApi(GroupCoordinator groups) : Api(ApiKey.Heartbeat, 0, 4, flexibleFrom: 4)
{
    public override ValueTask HandleAsync(Request request, KafkaWriter answer)
    {
        var (version, body) = (request.Version, request.Body);
        var groupId = body.ReadString();
        var generation = body.ReadInt32();
        var memberId = body.ReadString();
        var instanceId = version >= 3 ? body.ReadNullableString() : null;
        body.SkipTags();

        var error = groupId.Length == 0
            ? ErrorCode.InvalidGroupId
            : groups.Find(groupId)?.Heartbeat(new MemberIdentity(memberId, generation, instanceId)) ?? ErrorCode.UnknownMemberId;
        if (version >= 1)
            answer.WriteInt32(0);
        answer.WriteError(error);
        answer.WriteTags();
        return ValueTask.CompletedTask;
    }
}
