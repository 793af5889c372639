using StackExchange.Redis;

namespace Chat.Persister;

/// <summary>
/// How long the persister waits for Redis. Longer than a node, since nobody waits for the persister, but short enough that a dead connection is noticed.
/// Commands are not kept while Redis is away: they are asked again with fresh knowledge instead.
/// </summary>
internal static class RedisTimeouts
{
    private const int CommandMs = 3_000;
    private const int ConnectMs = 2_000;
    // A Redis that comes back is a new epoch, and senders wait until this process has opened the partitions: the library's own first pause of 2.5 s is too long.
    private const int FirstRetryMs = 100;
    private const int LongestRetryMs = 1_000;

    public static void Set(ConfigurationOptions options)
    {
        options.AllowAdmin = true; // the health check asks a cluster how it is, and the client library counts that among the administrator's commands
        options.AsyncTimeout = CommandMs;
        options.SyncTimeout = CommandMs;
        options.ConnectTimeout = ConnectMs;
        options.ReconnectRetryPolicy = new ExponentialRetry(FirstRetryMs, LongestRetryMs);
        options.HeartbeatConsistencyChecks = true;
        options.BacklogPolicy = BacklogPolicy.FailFast;
    }
}
