using Chat.LocalKafka.Protocol;

namespace Chat.LocalKafka.Groups;

/// <summary>How a generation gets its assignment, and how members go. All under the group's lock.</summary>
internal sealed partial class Group
{
    private Task<SyncAnswer> Sync(SyncCall call)
    {
        var error = Find(call.Member, out var member);
        if (error != ErrorCode.None)
            return Refuse(error);
        if ((call.ProtocolType is not null && call.ProtocolType != _protocolType)
            || (call.ProtocolName is not null && call.ProtocolName != _protocolName))
            return Refuse(ErrorCode.InconsistentGroupProtocol);
        switch (State)
        {
            case GroupState.PreparingRebalance:
                return Refuse(ErrorCode.RebalanceInProgress);
            case GroupState.Stable:
                Renew(member!);
                return Task.FromResult(AssignmentOf(member!));
            case GroupState.CompletingRebalance:
                member!.Syncing?.SetResult(SyncAnswer.Refused(ErrorCode.RebalanceInProgress));
                var syncing = new TaskCompletionSource<SyncAnswer>(TaskCreationOptions.RunContinuationsAsynchronously);
                member.Syncing = syncing;
                if (member.Id == _leader)
                    Assign(call.Assignments);
                return syncing.Task;
            default:
                return Refuse(ErrorCode.UnknownMemberId);
        }
    }

    private void Assign(IReadOnlyDictionary<string, byte[]> assignments)
    {
        State = GroupState.Stable;
        foreach (var member in _members.Values)
        {
            member.Assignment = assignments.GetValueOrDefault(member.Id) ?? [];
            if (member.Syncing is null)
                continue;
            Renew(member);
            member.Syncing.SetResult(AssignmentOf(member));
            member.Syncing = null;
        }
    }

    /// <summary>The leader, or others, joined but never asked for their assignment: they are gone, and the rest starts over.</summary>
    private void DropMembersThatDidNotSync()
    {
        foreach (var silent in _members.Values.Where(m => m.Syncing is null).ToArray())
            Forget(silent);
        RebalanceOrBecomeEmpty();
    }

    private void Remove(GroupMember member, ErrorCode answer)
    {
        Answer(member, answer);
        Forget(member);
        if (State == GroupState.PreparingRebalance && _members.Count > 0)
            CompleteJoinWhenAllAreHere();
        else
            RebalanceOrBecomeEmpty();
    }

    private void Forget(GroupMember member)
    {
        _members.Remove(member.Id);
        if (member.InstanceId is not null && _staticIds.GetValueOrDefault(member.InstanceId) == member.Id)
            _staticIds.Remove(member.InstanceId);
        if (_leader == member.Id)
            _leader = null;
    }

    private void RebalanceOrBecomeEmpty()
    {
        if (_members.Count > 0)
        {
            PrepareRebalance();
            CompleteJoinWhenAllAreHere();
            return;
        }

        _generation++;
        BecomeEmpty();
    }

    private void BecomeEmpty()
    {
        State = GroupState.Empty;
        _leader = null;
        _protocolName = null;
        EmptySince = _clock.UtcNow;
    }

    private SyncAnswer AssignmentOf(GroupMember member) => new(ErrorCode.None, _protocolType, _protocolName, member.Assignment);

    private static Task<SyncAnswer> Refuse(ErrorCode error) => Task.FromResult(SyncAnswer.Refused(error));
}
