using System.Globalization;
using StackExchange.Redis;

namespace Chat.Realtime.Publishing;

/// <summary>
/// Whether Redis can take more events: below 80 % of its <c>maxmemory</c>. Beyond it sends are refused, so that what is under way (numbering, ids, trimming
/// by the persister) still has room. Asked at most once a second, whatever the load.
/// </summary>
internal sealed class StorageHeadroom(IConnectionMultiplexer redis, TimeProvider time)
{
    private const double FullAt = 0.8;
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);
    private readonly Lock _gate = new();
    private Task<bool>? _answer;
    private long _askedAt;

    /// <summary>False when Redis is too full, or cannot be reached.</summary>
    public async ValueTask<bool> HasRoomAsync()
    {
        if (!redis.IsConnected) return false;
        Task<bool> answer;
        lock (_gate)
        {
            if (_answer is null || (_answer.IsCompleted && time.GetElapsedTime(_askedAt) > Interval))
            {
                _askedAt = time.GetTimestamp();
                _answer = AskAsync();
            }
            answer = _answer;
        }
        return await answer;
    }

    private async Task<bool> AskAsync()
    {
        try
        {
            var text = (string?)await redis.GetDatabase().ExecuteAsync("INFO", "memory") ?? "";
            var (used, max) = (Number(text, "used_memory:"), Number(text, "maxmemory:"));
            return max == 0 || used < max * FullAt;
        }
        catch (Exception e) when (e is RedisException or TimeoutException)
        {
            return false;
        }
    }

    private static long Number(string info, string name)
    {
        foreach (var line in info.AsSpan().EnumerateLines())
            if (line.StartsWith(name) && long.TryParse(line[name.Length..], NumberStyles.None, CultureInfo.InvariantCulture, out var value)) return value;
        return 0;
    }
}
