using StackExchange.Redis;

namespace Chat.Persister;

/// <summary>
/// How long the persister waits for Redis. Longer than a node, since nobody waits for the persister, but short enough that a dead connection is noticed.
/// Commands are not kept while Redis is away: they are asked again with fresh knowledge instead.
/// </summary>
internal static class RedisTimeouts
{
    private const int CommandMs = 3_000;

    public static void Set(ConfigurationOptions options)
    {
        options.AsyncTimeout = CommandMs;
        options.SyncTimeout = CommandMs;
        options.HeartbeatConsistencyChecks = true;
        options.BacklogPolicy = BacklogPolicy.FailFast;
    }
}
