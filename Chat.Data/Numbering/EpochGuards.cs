using System.Net;
using Chat.Contracts;
using StackExchange.Redis;

namespace Chat.Data.Numbering;

/// <summary>
/// Where the guards of the numbering stand. A Redis by itself has one. In a Redis Cluster each of the 16,384 slots has one, and a room is numbered under the
/// guard of its own slot: the guard is with the room's keys whatever happens to them, and no data can be lost that does not take its guard along.
/// A guard per shard would not do that. A shard that gets the slots of a lost one, empty, has its own guard and the script already, and would give out again
/// numbers that the lost one gave in the same epoch.
/// <para>
/// All slots share one epoch: when any shard has lost data, all of them begin a new one. That costs rooms of the other shards what a restart costs, a moment,
/// and keeps partitions of the log, whose rooms lie on all shards, in one epoch.
/// </para>
/// <para>
/// Loss without loss of the guard is loss of the script, as in a single server: a restart, and the promotion of a replica, come without it, since Redis
/// keeps scripts in memory alone and replicates none, and only a takeover loads one (<see cref="EpochStore"/>). While the keys of a slot are moved one by one, guard
/// and room may be apart: Redis then refuses the script, since it names keys that do not exist. Afterwards the slot is whole on its new shard, and numbering goes on
/// there: in the same epoch when that shard has the script, else in a new one.
/// </para>
/// </summary>
public sealed class EpochGuards(IConnectionMultiplexer redis)
{
    private const int Slots = 16_384;
    // A look at some guards finds every shard that has so many slots in a row; looks in a row find every slot.
    private const int Stride = 512;
    // Tags are tried in their order; the last slot is met after about 180,000 of them.
    private const int MaxTags = 2_000_000;

    private readonly Lazy<RedisKey[]> _ofSlots = new(() => FindTags(redis), LazyThreadSafetyMode.PublicationOnly);
    private int _looks = -1;

    /// <summary>True on a Redis Cluster, once this process has reached it: the library hashes keys only where slots matter.</summary>
    public bool IsCluster => redis.HashSlot(RedisKeys.EpochGuard) >= 0;

    /// <summary>The guard under which events of the room are numbered.</summary>
    public RedisKey Of(string roomId) => redis.HashSlot(RedisKeys.Head(roomId)) is >= 0 and var slot ? _ofSlots.Value[slot] : RedisKeys.EpochGuard;

    /// <summary>Some of the guards, others each time: of every shard, unless its slots are scattered.</summary>
    public IReadOnlyList<RedisKey> Some()
    {
        if (!IsCluster) return [RedisKeys.EpochGuard];
        var first = (int)((uint)Interlocked.Increment(ref _looks) % Stride);
        return [.. Enumerable.Range(0, Slots / Stride).Select(i => _ofSlots.Value[first + (i * Stride)])];
    }

    /// <summary>All guards, by the shards that have them as far as this process knows. Throws <see cref="RedisException"/> when it knows none.</summary>
    public IReadOnlyList<IReadOnlyList<RedisKey>> ByShard()
    {
        if (!IsCluster) return [[RedisKeys.EpochGuard]];
        try
        {
            return [.. _ofSlots.Value.GroupBy(guard => redis.GetServer(guard).EndPoint, (EndPoint _, IEnumerable<RedisKey> guards) => guards.ToArray())];
        }
        catch (InvalidOperationException failure)
        {
            throw new RedisException("No server of the cluster can be reached.", failure);
        }
    }

    private static RedisKey[] FindTags(IConnectionMultiplexer redis)
    {
        var guards = new RedisKey[Slots];
        var missing = Slots;
        for (var tag = 0; missing > 0 && tag < MaxTags; tag++)
        {
            RedisKey guard = RedisKeys.SlotGuard(tag);
            ref var place = ref guards[redis.HashSlot(guard)];
            if (!place.Equals(default)) continue;
            place = guard;
            missing--;
        }
        return missing == 0 ? guards : throw new InvalidOperationException($"{missing} slots have no tag among the first {MaxTags} numbers.");
    }
}
