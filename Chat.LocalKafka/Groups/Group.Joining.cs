using Chat.LocalKafka.Protocol;

namespace Chat.LocalKafka.Groups;

/// <summary>How members come in and a generation begins. All under the group's lock.</summary>
internal sealed partial class Group
{
    private Task<JoinAnswer> Join(JoinCall call)
    {
        if (State == GroupState.Dead)
            return Refuse(call, ErrorCode.CoordinatorNotAvailable);
        if (call.SessionTimeoutMs < _limits.MinSessionTimeoutMs || call.SessionTimeoutMs > _limits.MaxSessionTimeoutMs)
            return Refuse(call, ErrorCode.InvalidSessionTimeout);
        var isPromised = call.MemberId.Length > 0 && _promised.ContainsKey(call.MemberId);
        var isNew = call.MemberId.Length == 0 || isPromised;
        if (isNew && call.InstanceId is null && _members.Count + (isPromised ? 0 : _promised.Count) >= _limits.MaxMembers)
            return Refuse(call, ErrorCode.GroupMaxSizeReached);
        if (!AcceptsProtocols(call))
            return Refuse(call, ErrorCode.InconsistentGroupProtocol);
        if (!isNew)
            return Rejoin(call);
        if (call.InstanceId is not null && _staticIds.TryGetValue(call.InstanceId, out var replaced))
            return Replace(_members[replaced], call);
        var id = isPromised ? call.MemberId : $"{call.InstanceId ?? call.ClientId}-{Guid.NewGuid()}";
        if (!isPromised && call.MemberIdRequired && call.InstanceId is null)
        {
            _promised[id] = _clock.Now + call.SessionTimeoutMs;
            return Task.FromResult(JoinAnswer.Refused(ErrorCode.MemberIdRequired, id));
        }

        _promised.Remove(id);
        return Admit(id, call);
    }

    private Task<JoinAnswer> Rejoin(JoinCall call)
    {
        if (call.InstanceId is not null && _staticIds.TryGetValue(call.InstanceId, out var known) && known != call.MemberId)
            return Refuse(call, ErrorCode.FencedInstanceId);
        if (!_members.TryGetValue(call.MemberId, out var member) || member.InstanceId != call.InstanceId)
            return Refuse(call, ErrorCode.UnknownMemberId);
        var unchanged = member.Offers(call.Protocols);
        var sameGenerationWillDo = unchanged
            && (State == GroupState.CompletingRebalance || (State == GroupState.Stable && member.Id != _leader));
        Update(member, call);
        if (!sameGenerationWillDo)
            return WaitForOthers(member);
        Renew(member);
        return Task.FromResult(CurrentGenerationFor(member));
    }

    private Task<JoinAnswer> Admit(string id, JoinCall call)
    {
        var member = new GroupMember(id, call.InstanceId)
        {
            ClientId = call.ClientId,
            ClientHost = call.ClientHost,
            SessionTimeoutMs = call.SessionTimeoutMs,
            RebalanceTimeoutMs = call.RebalanceTimeoutMs,
            Protocols = call.Protocols,
        };
        if (_members.Count == 0)
            _protocolType = call.ProtocolType;
        _members.Add(id, member);
        if (call.InstanceId is not null)
            _staticIds[call.InstanceId] = id;
        return WaitForOthers(member);
    }

    /// <summary>A static member comes back under a new id: what the old id still waits for is fenced off, and a stable group stays as it is.</summary>
    private Task<JoinAnswer> Replace(GroupMember member, JoinCall call)
    {
        Answer(member, ErrorCode.FencedInstanceId);
        var oldLeader = _leader;
        _members.Remove(member.Id);
        var wasLeader = member.Id == _leader;
        member.Id = $"{call.InstanceId}-{Guid.NewGuid()}";
        _members.Add(member.Id, member);
        _staticIds[call.InstanceId!] = member.Id;
        if (wasLeader)
            _leader = member.Id;
        var unchanged = member.Offers(call.Protocols);
        Update(member, call);
        if (State != GroupState.Stable || !unchanged)
            return WaitForOthers(member);
        Renew(member);
        var answer = CurrentGenerationFor(member);
        // A returning leader must not assign again. Old clients believe it when another is called the leader.
        return Task.FromResult(call.MaySkipAssignment
            ? answer with { SkipAssignment = wasLeader }
            : answer with { Leader = oldLeader ?? "", Members = [] });
    }

    private static void Update(GroupMember member, JoinCall call)
    {
        member.ClientId = call.ClientId;
        member.ClientHost = call.ClientHost;
        member.SessionTimeoutMs = call.SessionTimeoutMs;
        member.RebalanceTimeoutMs = call.RebalanceTimeoutMs;
        member.Protocols = call.Protocols;
    }

    private Task<JoinAnswer> WaitForOthers(GroupMember member)
    {
        // A client that asks again has given up its first request.
        Answer(member, ErrorCode.RebalanceInProgress);
        var joining = new TaskCompletionSource<JoinAnswer>(TaskCreationOptions.RunContinuationsAsynchronously);
        member.Joining = joining;
        if (State != GroupState.PreparingRebalance)
            PrepareRebalance();
        CompleteJoinWhenAllAreHere();
        return joining.Task;
    }

    private void PrepareRebalance()
    {
        if (State == GroupState.Empty)
            _notBefore = _clock.Now + _limits.InitialRebalanceDelayMs;
        foreach (var member in _members.Values)
        {
            member.Assignment = [];
            if (member.Syncing is not null)
            {
                member.Syncing.SetResult(SyncAnswer.Refused(ErrorCode.RebalanceInProgress));
                member.Syncing = null;
                Renew(member);
            }
        }

        State = GroupState.PreparingRebalance;
        _phaseDeadline = _clock.Now + _members.Values.Max(m => m.RebalanceTimeoutMs);
    }

    private void CompleteJoinWhenAllAreHere()
    {
        if (State == GroupState.PreparingRebalance
            && _promised.Count == 0
            && _notBefore <= _clock.Now
            && _members.Values.All(m => m.Joining is not null))
            CompleteJoin();
    }

    private void CompleteJoin()
    {
        // Static members may be away for a session; the others had their time.
        foreach (var absent in _members.Values.Where(m => m.Joining is null && m.InstanceId is null).ToArray())
            Forget(absent);
        _generation++;
        if (_members.Count == 0)
        {
            BecomeEmpty();
            return;
        }

        var joined = _members.Values.Where(m => m.Joining is not null).ToArray();
        if (joined.Length == 0)
        {
            // Only static members, all away: their sessions end or they come back.
            _generation--;
            _phaseDeadline = _clock.Now + _members.Values.Max(m => m.RebalanceTimeoutMs);
            return;
        }

        if (_leader is null || joined.All(m => m.Id != _leader))
            _leader = joined[0].Id;
        _protocolName = ChooseProtocol();
        State = GroupState.CompletingRebalance;
        _phaseDeadline = _clock.Now + _members.Values.Max(m => m.RebalanceTimeoutMs);
        foreach (var member in joined)
        {
            Renew(member);
            member.Joining!.SetResult(CurrentGenerationFor(member));
            member.Joining = null;
        }
    }

    private JoinAnswer CurrentGenerationFor(GroupMember member) => new(
        ErrorCode.None,
        _generation,
        _protocolType,
        _protocolName,
        _leader!,
        member.Id,
        member.Id == _leader ? [.. _members.Values.Select(m => new JoinedMember(m.Id, m.InstanceId, m.MetadataFor(_protocolName!)))] : []);

    private bool AcceptsProtocols(JoinCall call)
    {
        if (call.ProtocolType.Length == 0 || call.Protocols.Length == 0)
            return false;
        var others = _members.Values.Where(m => m.Id != call.MemberId && (call.InstanceId is null || m.InstanceId != call.InstanceId)).ToArray();
        return others.Length == 0
            || (call.ProtocolType == _protocolType
                && call.Protocols.Any(p => others.All(m => m.Protocols.Any(o => o.Name == p.Name))));
    }

    /// <summary>Each member votes for the first of its protocols that all offer.</summary>
    private string ChooseProtocol()
    {
        var offeredByAll = _members.Values.Select(m => m.Protocols.Select(p => p.Name)).Aggregate((a, b) => a.Intersect(b)).ToHashSet();
        return _members.Values
            .Select(m => m.Protocols.First(p => offeredByAll.Contains(p.Name)).Name)
            .CountBy(name => name)
            .MaxBy(votes => votes.Value)
            .Key;
    }

    private static Task<JoinAnswer> Refuse(JoinCall call, ErrorCode error) => Task.FromResult(JoinAnswer.Refused(error, call.MemberId));
}
