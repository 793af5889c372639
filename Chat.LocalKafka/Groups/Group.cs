using Chat.LocalKafka.Protocol;

namespace Chat.LocalKafka.Groups;

/// <summary>
/// The state machine of one consumer group of the classic protocol. Invariants: members get an assignment only of the generation
/// they joined; a generation has one leader and one protocol that all its members offer; nobody waits longer than a deadline.
/// </summary>
/// <remarks>Every public method takes the lock and returns at once; who has to wait gets a task that a later call or the timer completes.</remarks>
internal sealed partial class Group : IDisposable
{
    private readonly Lock _gate = new();
    private readonly GroupLimits _limits;
    private readonly GroupClock _clock;
    private readonly Dictionary<string, GroupMember> _members = [];
    private readonly Dictionary<string, string> _staticIds = [];
    /// <summary>Ids that were given out with MEMBER_ID_REQUIRED, and until when their members may come back.</summary>
    private readonly Dictionary<string, long> _promised = [];
    private string? _protocolType;
    private string? _protocolName;
    private string? _leader;
    private int _generation;
    private long _phaseDeadline;
    private long _notBefore;

    public Group(string id, GroupLimits limits, TimeProvider time)
    {
        Id = id;
        _limits = limits;
        _clock = new GroupClock(time, Tick);
        EmptySince = _clock.UtcNow;
    }

    public string Id { get; }

    public GroupState State { get; private set; } = GroupState.Empty;

    /// <summary>Since when the group has had no members (milliseconds since 1970).</summary>
    public long EmptySince { get; private set; }

    public Task<JoinAnswer> JoinAsync(JoinCall call)
    {
        lock (_gate)
        {
            var answer = Join(call);
            Reschedule();
            return answer;
        }
    }

    public Task<SyncAnswer> SyncAsync(SyncCall call)
    {
        lock (_gate)
        {
            var answer = Sync(call);
            Reschedule();
            return answer;
        }
    }

    public ErrorCode Heartbeat(MemberIdentity identity)
    {
        lock (_gate)
        {
            var error = Find(identity, out var member);
            if (error != ErrorCode.None)
                return error;
            Renew(member!);
            return State == GroupState.PreparingRebalance ? ErrorCode.RebalanceInProgress : ErrorCode.None;
        }
    }

    public ErrorCode Leave(string memberId, string? instanceId)
    {
        lock (_gate)
        {
            if (State == GroupState.Dead)
                return ErrorCode.UnknownMemberId;
            if (instanceId is not null)
            {
                if (!_staticIds.TryGetValue(instanceId, out var known))
                    return ErrorCode.UnknownMemberId;
                if (memberId.Length > 0 && memberId != known)
                    return ErrorCode.FencedInstanceId;
                memberId = known;
            }

            if (_promised.Remove(memberId))
                CompleteJoinWhenAllAreHere();
            else if (_members.TryGetValue(memberId, out var member))
                Remove(member, ErrorCode.UnknownMemberId);
            else
                return ErrorCode.UnknownMemberId;
            Reschedule();
            return ErrorCode.None;
        }
    }

    /// <summary>Whether a member, or a consumer outside the group protocol (generation -1), may commit offsets now.</summary>
    public ErrorCode CheckCommit(MemberIdentity identity)
    {
        lock (_gate)
        {
            if (State == GroupState.Dead)
                return ErrorCode.CoordinatorNotAvailable;
            if (identity.Generation < 0 && identity.MemberId.Length == 0 && _members.Count == 0)
                return ErrorCode.None;
            var error = Find(identity, out var member);
            if (error != ErrorCode.None)
                return error;
            if (State == GroupState.CompletingRebalance)
                return ErrorCode.RebalanceInProgress;
            Renew(member!);
            return ErrorCode.None;
        }
    }

    public DescribedGroup Describe()
    {
        lock (_gate)
        {
            var protocol = State == GroupState.Stable ? _protocolName ?? "" : "";
            return new DescribedGroup(Id, State, _protocolType ?? "", protocol, [.. _members.Values.Select(m => new DescribedMember(
                m.Id, m.InstanceId, m.ClientId, m.ClientHost, m.MetadataFor(protocol), m.Assignment))]);
        }
    }

    /// <summary>Ends the group if it has no members. A call that comes later is answered as by a group that is gone.</summary>
    public bool TryEnd()
    {
        lock (_gate)
        {
            if (_members.Count > 0 || _promised.Count > 0)
                return false;
            State = GroupState.Dead;
            return true;
        }
    }

    /// <summary>The broker stops: who waits is told to find the coordinator again.</summary>
    public void Dispose()
    {
        lock (_gate)
        {
            State = GroupState.Dead;
            foreach (var member in _members.Values)
                Answer(member, ErrorCode.CoordinatorNotAvailable);
            _clock.Dispose();
        }
    }

    /// <summary>Gives up whoever is overdue. Called by the timer.</summary>
    private void Tick()
    {
        lock (_gate)
        {
            if (State == GroupState.Dead)
                return;
            var now = _clock.Now;
            foreach (var (id, until) in _promised)
            {
                if (until <= now)
                    _promised.Remove(id);
            }

            foreach (var member in _members.Values.Where(m => !m.IsWaiting && m.SessionDeadline <= now).ToArray())
                Remove(member, ErrorCode.UnknownMemberId);
            if (State == GroupState.PreparingRebalance && _phaseDeadline <= now)
                CompleteJoin();
            else if (State == GroupState.CompletingRebalance && _phaseDeadline <= now)
                DropMembersThatDidNotSync();
            CompleteJoinWhenAllAreHere();
            Reschedule();
        }
    }

    private void Reschedule()
    {
        var next = _members.Values.Where(m => !m.IsWaiting).Select(m => m.SessionDeadline)
            .Concat(_promised.Values)
            .DefaultIfEmpty(long.MaxValue)
            .Min();
        if (State is GroupState.PreparingRebalance or GroupState.CompletingRebalance)
            next = Math.Min(next, _phaseDeadline);
        if (State == GroupState.PreparingRebalance && _notBefore > _clock.Now)
            next = Math.Min(next, _notBefore);
        _clock.WakeAt(next);
    }

    private ErrorCode Find(MemberIdentity identity, out GroupMember? member)
    {
        member = null;
        if (State == GroupState.Dead)
            return ErrorCode.CoordinatorNotAvailable;
        if (identity.InstanceId is not null && _staticIds.TryGetValue(identity.InstanceId, out var known) && known != identity.MemberId)
            return ErrorCode.FencedInstanceId;
        if (!_members.TryGetValue(identity.MemberId, out member)
            || (identity.InstanceId is not null && member.InstanceId != identity.InstanceId))
            return ErrorCode.UnknownMemberId;
        return identity.Generation == _generation ? ErrorCode.None : ErrorCode.IllegalGeneration;
    }

    private void Renew(GroupMember member) => member.SessionDeadline = _clock.Now + member.SessionTimeoutMs;

    private static void Answer(GroupMember member, ErrorCode error)
    {
        member.Joining?.SetResult(JoinAnswer.Refused(error, member.Id));
        member.Joining = null;
        member.Syncing?.SetResult(SyncAnswer.Refused(error));
        member.Syncing = null;
    }
}
