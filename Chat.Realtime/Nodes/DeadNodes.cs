using System.Globalization;
using Chat.Contracts;
using Chat.ServiceDefaults.Leases;
using StackExchange.Redis;

namespace Chat.Realtime.Nodes;

/// <summary>A dead process that this one has claimed to clean up behind.</summary>
/// <param name="DiedAt">When it was last known to live.</param>
internal sealed record ReapClaim(string Process, string Token, DateTimeOffset DiedAt);

/// <summary>
/// Claims on dead processes in Redis: at any time one claimant per process, and every dead process is claimed until it is cleaned up: its
/// lease is replaced by the claim in one step, and a claim that nobody extends can be taken over.
/// </summary>
internal sealed class DeadNodes(IConnectionMultiplexer redis)
{
    private static readonly TimeSpan ClaimLife = TimeSpan.FromSeconds(5);

    // KEYS: leases, claims. ARGV: process, what was seen of it, life of the claim (ms), when it died (ms).
    // Claims only what still is as it was seen: a lease that was renewed meanwhile, or a claim that was extended, stays.
    private const string ClaimScript = """
        if redis.call('HGET', KEYS[1], ARGV[1]) == ARGV[2] then redis.call('HDEL', KEYS[1], ARGV[1])
        elseif redis.call('HGET', KEYS[2], ARGV[1]) ~= ARGV[2] then return false end
        local time = redis.call('TIME')
        local ends = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000) + tonumber(ARGV[3])
        local claim = string.format('%.0f', ends) .. ' ' .. ARGV[4]
        redis.call('HSET', KEYS[2], ARGV[1], claim)
        return claim
        """;

    private const string DoneScript = """
        if redis.call('HGET', KEYS[1], ARGV[1]) == ARGV[2] then return redis.call('HDEL', KEYS[1], ARGV[1]) end
        return 0
        """;

    /// <summary>Claims a process whose lease ran out; null when it lives after all or another one was faster.</summary>
    public Task<ReapClaim?> ClaimAsync(StoredLease dead) => ClaimAsync(dead.Lease.NodeId, dead.Text, dead.Lease.RenewedAt);

    /// <summary>Takes over the claims that ended before <paramref name="now"/> (Unix milliseconds by Redis' clock).</summary>
    public async Task<IReadOnlyList<ReapClaim>> TakeOverAsync(long now)
    {
        var taken = new List<ReapClaim>();
        foreach (var claim in await redis.GetDatabase().HashGetAllAsync(RedisKeys.NodesDying))
        {
            var parts = claim.Value.ToString().Split(' ');
            if (parts.Length != 2 || !long.TryParse(parts[0], CultureInfo.InvariantCulture, out var ends)
                || !long.TryParse(parts[1], CultureInfo.InvariantCulture, out var diedAt) || ends > now) continue;
            if (await ClaimAsync(claim.Name!, claim.Value!, diedAt) is { } own) taken.Add(own);
        }
        return taken;
    }

    /// <summary>Keeps the claim for longer; null when it was lost to another process.</summary>
    public Task<ReapClaim?> ExtendAsync(ReapClaim claim) => ClaimAsync(claim.Process, claim.Token, claim.DiedAt.ToUnixTimeMilliseconds());

    /// <summary>The process is cleaned up; nothing reminds of it.</summary>
    public Task DoneAsync(ReapClaim claim) => redis.GetDatabase().ScriptEvaluateAsync(DoneScript, [RedisKeys.NodesDying], [claim.Process, claim.Token]);

    private async Task<ReapClaim?> ClaimAsync(string process, string seen, long diedAt)
    {
        var reply = await redis.GetDatabase().ScriptEvaluateAsync(ClaimScript, [RedisKeys.Nodes, RedisKeys.NodesDying],
            [process, seen, (long)ClaimLife.TotalMilliseconds, diedAt]);
        return reply.IsNull ? null : new ReapClaim(process, (string)reply!, DateTimeOffset.FromUnixTimeMilliseconds(diedAt));
    }
}
