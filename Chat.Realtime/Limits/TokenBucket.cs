using Chat.Contracts;
using Chat.Data;

namespace Chat.Realtime.Limits;

/// <summary>
/// Token buckets in Redis, kept as the time at which each would be full again (generic cell rate algorithm): one number per bucket, exact
/// under concurrent callers, by Redis' clock, gone by itself when full. Over the limit nothing is taken, so waiting is never prolonged by trying.
/// </summary>
internal sealed class TokenBucket(IRedisCommands redis)
{
    // KEYS[1] bucket. ARGV: microseconds per token, microseconds that the burst may run ahead. Answers 0 or the microseconds to wait.
    private static readonly RedisScript TakeScript = new("""
        local time = redis.call('TIME')
        local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
        local full = math.max(tonumber(redis.call('GET', KEYS[1]) or 0), now) + tonumber(ARGV[1])
        local wait = full - now - tonumber(ARGV[2])
        if wait > 0 then return wait end
        redis.call('SET', KEYS[1], string.format('%.0f', full), 'PX', math.ceil((full - now) / 1000))
        return 0
        """);

    /// <summary>Takes a token; null when taken, else the milliseconds until there is one. Throws as <see cref="IRedisCommands.RunAsync"/>.</summary>
    public async Task<int?> TakeAsync(string kind, string subject, int perSecond, int burst)
    {
        var perToken = 1_000_000L / perSecond;
        var wait = (long)await TakeScript.RunAsync(redis, [RedisKeys.Bucket(kind, subject)], perToken, perToken * burst);
        return wait == 0 ? null : (int)Math.Min(int.MaxValue, ((wait - 1) / 1000) + 1);
    }
}
