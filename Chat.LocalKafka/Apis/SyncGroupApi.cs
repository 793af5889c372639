using Chat.LocalKafka.Groups;
using Chat.LocalKafka.Protocol;

namespace Chat.LocalKafka.Apis;

/// <summary>The leader hands in the assignment of a generation; the others wait for theirs.</summary>
internal sealed class SyncGroupApi(GroupCoordinator groups) : Api(ApiKey.SyncGroup, 0, 5, flexibleFrom: 4)
{
    public override async ValueTask HandleAsync(Request request, KafkaWriter answer)
    {
        var (version, body) = (request.Version, request.Body);
        var groupId = body.ReadString();
        var generation = body.ReadInt32();
        var memberId = body.ReadString();
        var instanceId = version >= 3 ? body.ReadNullableString() : null;
        var protocolType = version >= 5 ? body.ReadNullableString() : null;
        var protocolName = version >= 5 ? body.ReadNullableString() : null;
        var assignments = new Dictionary<string, byte[]>(StringComparer.Ordinal);
        foreach (var (id, assignment) in body.ReadArray(ReadAssignment))
            assignments[id] = assignment;
        body.SkipTags();

        var call = new SyncCall(new MemberIdentity(memberId, generation, instanceId), protocolType, protocolName, assignments);
        var synced = groupId.Length == 0
            ? SyncAnswer.Refused(ErrorCode.InvalidGroupId)
            : groups.Find(groupId) is { } group ? await group.SyncAsync(call).WaitAsync(request.ConnectionClosed) : SyncAnswer.Refused(ErrorCode.UnknownMemberId);

        if (version >= 1)
            answer.WriteInt32(0);
        answer.WriteError(synced.Error);
        if (version >= 5)
        {
            answer.WriteString(synced.ProtocolType);
            answer.WriteString(synced.ProtocolName);
        }

        answer.WriteBytes(synced.Assignment);
        answer.WriteTags();
    }

    private static (string Id, byte[] Assignment) ReadAssignment(KafkaReader reader)
    {
        var assignment = (reader.ReadString(), reader.ReadBytes());
        reader.SkipTags();
        return assignment;
    }
}
