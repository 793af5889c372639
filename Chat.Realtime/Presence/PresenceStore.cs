using System.Globalization;
using Chat.Contracts;
using Chat.Data;
using Chat.Realtime.Redis;
using StackExchange.Redis;

namespace Chat.Realtime.Presence;

/// <summary>What others see of a user, before and after one process' part of it changed, and what stands in Redis afterwards.</summary>
internal readonly record struct PresenceChange(string Before, string After, IReadOnlyList<PresencePart> Parts)
{
    public bool IsVisible => Before != After;
}

/// <summary>A user's connections in one process.</summary>
internal readonly record struct PresencePart(string Process, string Status, int Connections)
{
    public static PresencePart Parse(string process, string value) =>
        value.Split(' ') is [var status, var count] && int.TryParse(count, CultureInfo.InvariantCulture, out var connections)
            ? new PresencePart(process, status, connections)
            : new PresencePart(process, value, 0);

    /// <summary>As it stands in the hash: status and number of connections.</summary>
    public string Value => string.Create(CultureInfo.InvariantCulture, $"{Status} {Connections}");
}

/// <summary>What stands in Redis of a user.</summary>
internal sealed record StoredPresence(IReadOnlyList<PresencePart> Parts, DateTimeOffset? LastSeen)
{
    /// <summary>The status by what the processes say that <paramref name="isLive"/> believes.</summary>
    public string StatusBy(Func<string, bool> isLive)
    {
        var whole = PresenceStatus.Offline;
        foreach (var part in Parts)
        {
            if (!isLive(part.Process)) continue;
            if (part.Status == PresenceStatus.Online) return PresenceStatus.Online;
            whole = PresenceStatus.Away;
        }
        return whole;
    }
}

/// <summary>
/// Presence in Redis: per user a hash of process → status and number of connections, per process the set of its users (so that whoever reaps it finds them all). A user
/// is in the set before anything stands in the hash, and leaves it after; what is in the hash is always found again.
/// </summary>
internal sealed class PresenceStore(IConnectionMultiplexer library, AwayCommands redis)
{
    private static readonly TimeSpan KeepLastSeen = TimeSpan.FromDays(90);

    // Both sides of a change are read in the step that makes it: of several processes exactly one sees each change of the whole.
    // KEYS: hash, last seen. ARGV: process, its part or '', an older id of the process or '', last seen (ms) or '', its life (s).
    private static readonly RedisScript SetScript = new("""
        local function whole()
          local result = 'offline'
          for _, part in ipairs(redis.call('HVALS', KEYS[1])) do
            result = string.match(part, '^%a+')
            if result == 'online' then return result end
          end
          return result
        end
        local before = whole()
        if ARGV[3] ~= '' then redis.call('HDEL', KEYS[1], ARGV[3]) end
        if ARGV[2] == '' then redis.call('HDEL', KEYS[1], ARGV[1]) else redis.call('HSET', KEYS[1], ARGV[1], ARGV[2]) end
        if ARGV[4] ~= '' and tonumber(ARGV[4]) > tonumber(redis.call('GET', KEYS[2]) or 0) then
          redis.call('SET', KEYS[2], ARGV[4], 'EX', ARGV[5])
        end
        return {before, whole(), redis.call('HGETALL', KEYS[1])}
        """);

    /// <summary>Puts users into the set of a process: to be done before anything is set of them there.</summary>
    public async Task AddUsersAsync(string process, string[] userIds)
    {
        if (userIds.Length > 0) await redis.RunAsync(new RedisCommand("SADD", [], [RedisKeys.NodeUsers(process)], Array.ConvertAll(userIds, userId => (RedisValue)userId)));
    }

    /// <summary>Sets what a user is in one process; null when no connection is left there.</summary>
    /// <param name="formerProcess">The id that the process had before its lease was taken away; what stands under it goes.</param>
    public async Task<PresenceChange> SetAsync(string userId, string process, PresencePart? part, string? formerProcess, DateTimeOffset? seen)
    {
        var reply = await SetScript.RunAsync(redis, [RedisKeys.Presence(userId), RedisKeys.LastSeen(userId)],
            process, part?.Value ?? "", formerProcess ?? "", seen is { } time ? time.ToUnixTimeMilliseconds().ToString(CultureInfo.InvariantCulture) : "",
            (long)KeepLastSeen.TotalSeconds);
        // One after the other: in a cluster the two lie on different servers.
        if (part is null) await redis.RunAsync(new RedisCommand("SREM", [], [RedisKeys.NodeUsers(process)], [userId]));
        var results = (RedisResult[])reply!;
        var fields = (string[])results[2]!;
        return new PresenceChange((string)results[0]!, (string)results[1]!, PartsOf(fields));
    }

    /// <summary>Forgets the users of a process under whose id nothing stands any more.</summary>
    public Task ForgetProcessAsync(string process) => redis.RunAsync(new RedisCommand("UNLINK", [], [RedisKeys.NodeUsers(process)], []));

    /// <summary>Some users of a process; empty when none is left. Thousands are not read on the event loop.</summary>
    public async Task<IReadOnlyList<string>> SomeUsersAsync(string process, int count)
    {
        var users = await library.GetDatabase().SetRandomMembersAsync(RedisKeys.NodeUsers(process), count);
        return Array.ConvertAll(users, user => (string)user!);
    }

    /// <summary>How many users a process has.</summary>
    public async Task<long> CountUsersAsync(string process) => (long)await redis.RunAsync(new RedisCommand("SCARD", [], [RedisKeys.NodeUsers(process)], []));

    /// <summary>What stands in Redis of each user, in the order of <paramref name="userIds"/>. One round trip.</summary>
    public async Task<IReadOnlyList<StoredPresence>> GetAsync(IReadOnlyList<string> userIds)
    {
        var parts = Task.WhenAll(userIds.Select(PartsAsync));
        var seen = Task.WhenAll(userIds.Select(SeenAsync));
        await parts;
        await seen;
        return [.. parts.Result.Zip(seen.Result, (of, at) => new StoredPresence(of, at))];
    }

    /// <summary>As <see cref="GetAsync"/>, without when they were last seen of those who are online, which is now: half as many questions while everybody comes.</summary>
    public async Task<IReadOnlyList<StoredPresence>> GetNowAsync(IReadOnlyList<string> userIds)
    {
        var parts = await Task.WhenAll(userIds.Select(PartsAsync));
        return await Task.WhenAll(userIds.Zip(parts, async (userId, of) =>
            new StoredPresence(of, of.Any(part => part.Status == PresenceStatus.Online) ? null : await SeenAsync(userId))));
    }

    private async Task<IReadOnlyList<PresencePart>> PartsAsync(string userId) =>
        PartsOf((string[])(await redis.RunAsync(new RedisCommand("HGETALL", [], [RedisKeys.Presence(userId)], [])))!);

    private async Task<DateTimeOffset?> SeenAsync(string userId) => TimeOf((RedisValue)await redis.RunAsync(new RedisCommand("GET", [], [RedisKeys.LastSeen(userId)], [])));

    // Names and values of a hash in turn.
    private static PresencePart[] PartsOf(string[] fields)
    {
        var parts = new PresencePart[fields.Length / 2];
        for (var i = 0; i < parts.Length; i++) parts[i] = PresencePart.Parse(fields[2 * i], fields[2 * i + 1]);
        return parts;
    }

    private static DateTimeOffset? TimeOf(RedisValue milliseconds) =>
        !milliseconds.IsNull && milliseconds.TryParse(out long value) ? DateTimeOffset.FromUnixTimeMilliseconds(value) : null;
}
