using System.Collections.Concurrent;
using Chat.LocalKafka.Log;
using Chat.LocalKafka.Protocol;

namespace Chat.LocalKafka.Groups;

/// <summary>All consumer groups and their committed offsets. This broker is the coordinator of every group.</summary>
internal sealed class GroupCoordinator : IDisposable
{
    /// <summary>Kafka's bound on the text that a consumer stores with an offset (offset.metadata.max.bytes).</summary>
    public const int MaxMetadataBytes = 4096;

    /// <summary>A group that holds no offsets is kept this long after its last member, so that a restarting one finds its generation.</summary>
    private static readonly TimeSpan KeepUnusedGroup = TimeSpan.FromMinutes(1);

    private readonly ConcurrentDictionary<string, Group> _groups = new(StringComparer.Ordinal);
    private readonly KafkaBrokerOptions _options;
    private readonly GroupLimits _limits;
    private readonly TimeProvider _time;

    public GroupCoordinator(string dataDirectory, KafkaBrokerOptions options, Flusher flusher, TimeProvider time)
    {
        _options = options;
        _time = time;
        _limits = new GroupLimits(
            options.MaxGroupSize,
            (int)options.MinSessionTimeout.TotalMilliseconds,
            (int)options.MaxSessionTimeout.TotalMilliseconds,
            (int)options.InitialRebalanceDelay.TotalMilliseconds);
        Offsets = new OffsetStore(dataDirectory, flusher);
        foreach (var id in Offsets.Groups)
            _groups[id] = new Group(id, _limits, time);
    }

    public OffsetStore Offsets { get; }

    public IEnumerable<Group> All => _groups.Values.OrderBy(g => g.Id, StringComparer.Ordinal);

    public Group? Find(string id) => _groups.GetValueOrDefault(id);

    /// <summary>The group, made when there is none. Null at the bound on groups.</summary>
    public Group? FindOrAdd(string id) =>
        Find(id) ?? (_groups.Count >= _options.MaxGroups ? null : _groups.GetOrAdd(id, key => new Group(key, _limits, _time)));

    /// <summary>Whether offsets may be committed now; makes the group of a consumer that assigns partitions by itself.</summary>
    public ErrorCode CheckCommit(string groupId, MemberIdentity identity)
    {
        if (groupId.Length == 0)
            return ErrorCode.InvalidGroupId;
        var group = identity.Generation < 0 ? FindOrAdd(groupId) : Find(groupId);
        if (group is null)
            return identity.Generation < 0 ? ErrorCode.PolicyViolation : ErrorCode.IllegalGeneration;
        return group.CheckCommit(identity);
    }

    /// <summary>Stores offsets durably. A disk that refuses is a coordinator that is not available now: clients try again.</summary>
    public async Task<ErrorCode> CommitAsync(string group, IReadOnlyList<KeyValuePair<OffsetKey, CommittedOffset>> offsets)
    {
        try
        {
            await Offsets.CommitAsync(group, offsets);
            return ErrorCode.None;
        }
        catch (IOException)
        {
            return ErrorCode.CoordinatorNotAvailable;
        }
    }

    /// <summary>Forgets offsets of a group durably.</summary>
    public async Task<ErrorCode> ForgetAsync(string group, IReadOnlyList<OffsetKey> keys)
    {
        try
        {
            await Offsets.ForgetAsync(group, keys);
            return ErrorCode.None;
        }
        catch (IOException)
        {
            return ErrorCode.CoordinatorNotAvailable;
        }
    }

    /// <summary>Deletes a group that nobody is in, with its offsets.</summary>
    public async Task<ErrorCode> DeleteAsync(string id)
    {
        if (Find(id) is not { } group)
            return ErrorCode.GroupIdNotFound;
        if (!group.TryEnd())
            return ErrorCode.NonEmptyGroup;
        return await EndAsync(group);
    }

    /// <summary>Forgets what groups without members committed longer ago than the retention, and groups that hold nothing.</summary>
    public async Task ApplyRetentionAsync()
    {
        var now = _time.GetUtcNow().ToUnixTimeMilliseconds();
        var expiry = now - (long)_options.OffsetsRetention.TotalMilliseconds;
        foreach (var group in _groups.Values.Where(g => g.State == GroupState.Empty))
        {
            var offsets = Offsets.All(group.Id);
            var expired = offsets.Where(o => Math.Max(o.Value.CommittedAt, group.EmptySince) < expiry).Select(o => o.Key).ToArray();
            if (offsets.Length > expired.Length)
            {
                if (expired.Length > 0)
                    await Offsets.ForgetAsync(group.Id, expired);
            }
            else if (now - group.EmptySince > KeepUnusedGroup.TotalMilliseconds && group.TryEnd())
            {
                await EndAsync(group);
            }
        }
    }

    /// <summary>A topic that is gone leaves no offsets behind.</summary>
    public async Task ForgetTopicAsync(string topic)
    {
        foreach (var group in Offsets.Groups)
        {
            var keys = Offsets.All(group).Select(o => o.Key).Where(k => k.Topic == topic).ToArray();
            if (keys.Length > 0)
                await Offsets.ForgetAsync(group, keys);
        }
    }

    public void Dispose()
    {
        foreach (var group in _groups.Values)
            group.Dispose();
        Offsets.Dispose();
    }

    private async Task<ErrorCode> EndAsync(Group group)
    {
        _groups.TryRemove(group.Id, out _);
        group.Dispose();
        try
        {
            await Offsets.ForgetAsync(group.Id);
            return ErrorCode.None;
        }
        catch (IOException)
        {
            return ErrorCode.CoordinatorNotAvailable;
        }
    }
}
