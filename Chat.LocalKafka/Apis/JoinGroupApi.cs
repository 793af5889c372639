using Chat.LocalKafka.Groups;
using Chat.LocalKafka.Protocol;

namespace Chat.LocalKafka.Apis;

/// <summary>A consumer enters its group, or a new generation of it, and waits for the others.</summary>
internal sealed class JoinGroupApi(GroupCoordinator groups) : Api(ApiKey.JoinGroup, 0, 9, flexibleFrom: 6)
{
    private const short MemberIdRequiredFromVersion = 4;

    public override async ValueTask HandleAsync(Request request, KafkaWriter answer)
    {
        var (version, body) = (request.Version, request.Body);
        var groupId = body.ReadString();
        var sessionTimeout = body.ReadInt32();
        var rebalanceTimeout = version >= 1 ? body.ReadInt32() : sessionTimeout;
        var memberId = body.ReadString();
        var instanceId = version >= 5 ? body.ReadNullableString() : null;
        var protocolType = body.ReadString();
        var protocols = body.ReadArray(r =>
        {
            var protocol = new GroupProtocol(r.ReadString(), r.ReadBytes());
            r.SkipTags();
            return protocol;
        });
        if (version >= 8)
            body.ReadNullableString(); // Reason.
        body.SkipTags();

        var call = new JoinCall(
            memberId, instanceId, request.ClientId ?? "", request.ClientHost, sessionTimeout, rebalanceTimeout, protocolType, protocols,
            MemberIdRequired: version >= MemberIdRequiredFromVersion, MaySkipAssignment: version >= 9);
        Write(answer, version, await JoinAsync(groupId, call).WaitAsync(request.ConnectionClosed));
    }

    private Task<JoinAnswer> JoinAsync(string groupId, JoinCall call)
    {
        if (groupId.Length == 0)
            return Task.FromResult(JoinAnswer.Refused(ErrorCode.InvalidGroupId, call.MemberId));
        // A group is not made for a member that claims to have been in it.
        var group = call.MemberId.Length == 0 ? groups.FindOrAdd(groupId) : groups.Find(groupId);
        if (group is not null)
            return group.JoinAsync(call);
        var error = call.MemberId.Length == 0 ? ErrorCode.PolicyViolation : ErrorCode.UnknownMemberId;
        return Task.FromResult(JoinAnswer.Refused(error, call.MemberId));
    }

    private static void Write(KafkaWriter answer, short version, JoinAnswer joined)
    {
        if (version >= 2)
            answer.WriteInt32(0);
        answer.WriteError(joined.Error);
        answer.WriteInt32(joined.Generation);
        if (version >= 7)
            answer.WriteString(joined.ProtocolType);
        answer.WriteString(joined.ProtocolName ?? (version >= 7 ? null : ""));
        answer.WriteString(joined.Leader);
        if (version >= 9)
            answer.WriteBool(joined.SkipAssignment);
        answer.WriteString(joined.MemberId);
        answer.WriteArray(joined.Members, (w, member) =>
        {
            w.WriteString(member.Id);
            if (version >= 5)
                w.WriteString(member.InstanceId);
            w.WriteBytes(member.Metadata);
            w.WriteTags();
        });
        answer.WriteTags();
    }
}
