using System.Globalization;
using Chat.Contracts;
using StackExchange.Redis;

namespace Chat.Realtime.Presence;

/// <summary>What others see of a user, before and after one process' part of it changed.</summary>
internal readonly record struct PresenceChange(string Before, string After)
{
    public bool IsVisible => Before != After;
}

/// <summary>
/// Presence in Redis: per user a hash of process → status, per process the set of its users (so that whoever reaps it finds them all). A user
/// is in the set before anything stands in the hash, and leaves it after; what is in the hash is always found again.
/// </summary>
internal sealed class PresenceStore(IConnectionMultiplexer redis)
{
    private static readonly TimeSpan KeepLastSeen = TimeSpan.FromDays(90);

    // Both sides of a change are read in the step that makes it: of several processes exactly one sees each change of the whole.
    // KEYS: hash, last seen. ARGV: process, status or '', an older id of the process or '', last seen (ms) or '', its life (s).
    private const string SetScript = """
        local function whole()
          local result = 'offline'
          for _, status in ipairs(redis.call('HVALS', KEYS[1])) do
            if status == 'online' then return status end
            result = status
          end
          return result
        end
        local before = whole()
        if ARGV[3] ~= '' then redis.call('HDEL', KEYS[1], ARGV[3]) end
        if ARGV[2] == '' then redis.call('HDEL', KEYS[1], ARGV[1]) else redis.call('HSET', KEYS[1], ARGV[1], ARGV[2]) end
        if ARGV[4] ~= '' and tonumber(ARGV[4]) > tonumber(redis.call('GET', KEYS[2]) or 0) then
          redis.call('SET', KEYS[2], ARGV[4], 'EX', ARGV[5])
        end
        return {before, whole()}
        """;

    /// <summary>Sets the status of a user's connections in one process; null when none is left there.</summary>
    /// <param name="formerProcess">The id that the process had before its lease was taken away; what stands under it goes.</param>
    public async Task<PresenceChange> SetAsync(string userId, string process, string? status, string? formerProcess, DateTimeOffset? seen)
    {
        var database = redis.GetDatabase();
        // Sent in this order over one connection; the set is written even if nobody is left to wait for it.
        var entered = status is null ? Task.CompletedTask : database.SetAddAsync(RedisKeys.NodeUsers(process), userId);
        var reply = await database.ScriptEvaluateAsync(SetScript, [RedisKeys.Presence(userId), RedisKeys.LastSeen(userId)],
        [
            process, status ?? "", formerProcess ?? "", seen is { } time ? time.ToUnixTimeMilliseconds().ToString(CultureInfo.InvariantCulture) : "",
            (long)KeepLastSeen.TotalSeconds,
        ]);
        await entered;
        if (status is null) await database.SetRemoveAsync(RedisKeys.NodeUsers(process), userId);
        var whole = (string[])reply!;
        return new PresenceChange(whole[0], whole[1]);
    }

    /// <summary>Forgets the users of a process under whose id nothing stands any more.</summary>
    public Task ForgetProcessAsync(string process) => redis.GetDatabase().KeyDeleteAsync(RedisKeys.NodeUsers(process));

    /// <summary>Some users of a process; empty when none is left.</summary>
    public async Task<IReadOnlyList<string>> SomeUsersAsync(string process, int count)
    {
        var users = await redis.GetDatabase().SetRandomMembersAsync(RedisKeys.NodeUsers(process), count);
        return Array.ConvertAll(users, user => (string)user!);
    }

    /// <summary>How many users a process has.</summary>
    public Task<long> CountUsersAsync(string process) => redis.GetDatabase().SetLengthAsync(RedisKeys.NodeUsers(process));

    /// <summary>Status of each user by what <paramref name="isLive"/> processes say, and when they were last seen, in the order of <paramref name="userIds"/>. One round trip.</summary>
    public async Task<IReadOnlyList<(string Status, DateTimeOffset? LastSeen)>> GetAsync(IReadOnlyList<string> userIds, Func<string, bool> isLive)
    {
        var database = redis.GetDatabase();
        var hashes = new Task<HashEntry[]>[userIds.Count];
        var seen = new Task<RedisValue>[userIds.Count];
        for (var i = 0; i < userIds.Count; i++)
        {
            hashes[i] = database.HashGetAllAsync(RedisKeys.Presence(userIds[i]));
            seen[i] = database.StringGetAsync(RedisKeys.LastSeen(userIds[i]));
        }
        await Task.WhenAll(hashes);
        await Task.WhenAll(seen);
        return Enumerable.Range(0, userIds.Count).Select(i => (WholeOf(hashes[i].Result, isLive), TimeOf(seen[i].Result))).ToList();
    }

    private static string WholeOf(HashEntry[] parts, Func<string, bool> isLive)
    {
        var whole = PresenceStatus.Offline;
        foreach (var part in parts)
        {
            if (!isLive(part.Name!)) continue;
            if (part.Value == PresenceStatus.Online) return PresenceStatus.Online;
            whole = PresenceStatus.Away;
        }
        return whole;
    }

    private static DateTimeOffset? TimeOf(RedisValue milliseconds) =>
        !milliseconds.IsNull && milliseconds.TryParse(out long value) ? DateTimeOffset.FromUnixTimeMilliseconds(value) : null;
}
