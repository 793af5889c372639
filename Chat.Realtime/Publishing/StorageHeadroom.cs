using System.Globalization;
using System.Net;
using Chat.Contracts;
using StackExchange.Redis;

namespace Chat.Realtime.Publishing;

/// <summary>
/// Whether Redis can take more events: below 80 % of its <c>maxmemory</c>. Beyond it sends are refused, so that what is under way (numbering, ids, trimming
/// by the persister) still has room. Asked at most once a second, whatever the load; of a cluster, the server that has the room.
/// </summary>
internal sealed class StorageHeadroom(IConnectionMultiplexer redis, TimeProvider time)
{
    private const double FullAt = 0.8;
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);
    private readonly Lock _gate = new();
    private readonly Dictionary<EndPoint, (Task<bool> Answer, long AskedAt)> _servers = [];

    /// <summary>False when the Redis of the room is too full, or cannot be reached.</summary>
    public async ValueTask<bool> HasRoomAsync(string roomId)
    {
        if (!redis.IsConnected) return false;
        IServer server;
        try
        {
            server = redis.GetServer((RedisKey)RedisKeys.Head(roomId));
        }
        catch (InvalidOperationException)
        {
            return false; // the connection was lost just now
        }
        Task<bool> answer;
        lock (_gate)
        {
            if (!_servers.TryGetValue(server.EndPoint, out var last) || (last.Answer.IsCompleted && time.GetElapsedTime(last.AskedAt) > Interval))
                _servers[server.EndPoint] = last = (AskAsync(server), time.GetTimestamp());
            answer = last.Answer;
        }
        return await answer;
    }

    private static async Task<bool> AskAsync(IServer server)
    {
        try
        {
            var text = (string?)await server.ExecuteAsync("INFO", "memory") ?? "";
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
