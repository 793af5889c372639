using Chat.LocalKafka.Protocol;

namespace Chat.LocalKafka.Groups;

/// <summary>The states of a group, with the names that Kafka gives them.</summary>
internal enum GroupState
{
    Empty,
    PreparingRebalance,
    CompletingRebalance,
    Stable,
    Dead,
}

internal sealed record JoinCall(
    string MemberId,
    string? InstanceId,
    string ClientId,
    string ClientHost,
    int SessionTimeoutMs,
    int RebalanceTimeoutMs,
    string ProtocolType,
    GroupProtocol[] Protocols,
    bool MemberIdRequired,
    bool MaySkipAssignment);

internal readonly record struct JoinedMember(string Id, string? InstanceId, byte[] Metadata);

internal sealed record JoinAnswer(
    ErrorCode Error,
    int Generation,
    string? ProtocolType,
    string? ProtocolName,
    string Leader,
    string MemberId,
    IReadOnlyList<JoinedMember> Members,
    bool SkipAssignment = false)
{
    public static JoinAnswer Refused(ErrorCode error, string memberId) => new(error, -1, null, null, "", memberId, []);
}

/// <summary>A member that calls: who it says it is, and of which generation.</summary>
internal readonly record struct MemberIdentity(string MemberId, int Generation, string? InstanceId);

internal sealed record SyncCall(
    MemberIdentity Member,
    string? ProtocolType,
    string? ProtocolName,
    IReadOnlyDictionary<string, byte[]> Assignments);

internal sealed record SyncAnswer(ErrorCode Error, string? ProtocolType, string? ProtocolName, byte[] Assignment)
{
    public static SyncAnswer Refused(ErrorCode error) => new(error, null, null, []);
}

internal sealed record DescribedMember(string Id, string? InstanceId, string ClientId, string ClientHost, byte[] Metadata, byte[] Assignment);

internal sealed record DescribedGroup(string Id, GroupState State, string ProtocolType, string Protocol, IReadOnlyList<DescribedMember> Members);
