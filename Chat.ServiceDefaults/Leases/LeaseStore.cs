using System.Globalization;
using System.Text.Json;
using Chat.Contracts;
using StackExchange.Redis;

namespace Chat.ServiceDefaults.Leases;

/// <summary>The leases as they stand in Redis, with Redis' own time of the reading: hosts' clocks never decide who is alive.</summary>
/// <param name="Now">Unix milliseconds.</param>
public sealed record LeaseSnapshot(long Now, IReadOnlyList<StoredLease> Leases)
{
    /// <summary>True while the lease was renewed within <see cref="NodeLease.LifeSeconds"/>.</summary>
    public bool IsLive(NodeLease lease) => Now - lease.RenewedAt < NodeLease.LifeSeconds * 1000;

    public IEnumerable<NodeLease> Live => Leases.Select(stored => stored.Lease).Where(IsLive);
}

/// <param name="Text">The lease as it was read, byte for byte: who removes it compares with this.</param>
public sealed record StoredLease(NodeLease Lease, string Text);

/// <summary>
/// A hash of leases in Redis (<see cref="RedisKeys.Nodes"/>, <see cref="RedisKeys.Frontends"/>). A lease that somebody removed is never
/// revived: <see cref="RenewAsync"/> then answers false, and its owner starts over under a new id.
/// </summary>
public sealed class LeaseStore(IConnectionMultiplexer redis, string key)
{
    private const string RenewedAtZero = "\"renewed_at\":0";

    private const string WriteScript = """
        if ARGV[4] == '0' and redis.call('HEXISTS', KEYS[1], ARGV[1]) == 0 then return 0 end
        local time = redis.call('TIME')
        local ms = time[1] .. string.format('%03d', math.floor(tonumber(time[2]) / 1000))
        redis.call('HSET', KEYS[1], ARGV[1], ARGV[2] .. ms .. ARGV[3])
        return 1
        """;

    private const string ReadScript = "return {redis.call('TIME'), redis.call('HGETALL', KEYS[1])}";

    private const string RemoveUnchangedScript = """
        if redis.call('HGET', KEYS[1], ARGV[1]) == ARGV[2] then return redis.call('HDEL', KEYS[1], ARGV[1]) end
        return 0
        """;

    /// <summary>Writes a lease under an id that was never used before. <see cref="NodeLease.RenewedAt"/> is set by Redis.</summary>
    public Task AnnounceAsync(NodeLease lease) => WriteAsync(lease, first: true);

    /// <summary>Renews a lease; false when it is gone.</summary>
    public Task<bool> RenewAsync(NodeLease lease) => WriteAsync(lease, first: false);

    /// <summary>Removes one's own lease.</summary>
    public Task RemoveAsync(string id) => redis.GetDatabase().HashDeleteAsync(key, id);

    /// <summary>Removes a lease unless it was renewed since it was read.</summary>
    public Task RemoveUnchangedAsync(StoredLease stored) =>
        redis.GetDatabase().ScriptEvaluateAsync(RemoveUnchangedScript, [key], [stored.Lease.NodeId, stored.Text]);

    public async Task<LeaseSnapshot> ReadAsync()
    {
        var reply = (RedisResult[])(await redis.GetDatabase().ScriptEvaluateAsync(ReadScript, [key]))!;
        var time = (string[])reply[0]!;
        var now = (long.Parse(time[0], CultureInfo.InvariantCulture) * 1000) + (long.Parse(time[1], CultureInfo.InvariantCulture) / 1000);
        var fields = (string[])reply[1]!;
        var leases = new List<StoredLease>(fields.Length / 2);
        for (var i = 0; i + 1 < fields.Length; i += 2)
        {
            if (Parse(fields[i + 1]) is { } lease && lease.NodeId == fields[i])
                leases.Add(new StoredLease(lease, fields[i + 1]));
        }
        return new LeaseSnapshot(now, leases);
    }

    // What a stranger or another version put there is no lease; it gets no traffic and nobody waits for it.
    private static NodeLease? Parse(string text)
    {
        try
        {
            return JsonSerializer.Deserialize(text, ChatJson.Default.NodeLease);
        }
        catch (JsonException)
        {
            return null;
        }
    }

    private async Task<bool> WriteAsync(NodeLease lease, bool first)
    {
        var text = JsonSerializer.Serialize(lease with { RenewedAt = 0 }, ChatJson.Default.NodeLease);
        var at = text.IndexOf(RenewedAtZero, StringComparison.Ordinal) + RenewedAtZero.Length - 1;
        var reply = await redis.GetDatabase().ScriptEvaluateAsync(
            WriteScript, [key], [lease.NodeId, text[..at], text[(at + 1)..], first ? "1" : "0"]);
        return (int)reply == 1;
    }
}
