using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Logging;
using StackExchange.Redis;

namespace Chat.Data.Numbering;

/// <summary>
/// The Redis settings that the promises rest on, read from the server itself. A wrong one is named in the log and makes the process
/// <c>degraded</c>, never down: chat works without them until the day that they are for. Of a cluster, every primary is asked.
/// </summary>
public sealed partial class RedisRequirements(IConnectionMultiplexer redis, ILogger<RedisRequirements> logger) : IHealthCheck
{
    private const int OldestMajorVersion = 7;

    private volatile string? _lastFaults;

    /// <summary>One sentence per wrong setting, with its remedy; empty when all is right. Throws <see cref="RedisException"/> when Redis does not answer.</summary>
    public async Task<IReadOnlyList<string>> FindFaultsAsync()
    {
        var primaries = redis.GetServers().Where(server => server is { IsConnected: true, IsReplica: false }).ToList();
        if (primaries.Count == 0)
            throw new RedisException("No primary is connected.");
        var faults = await Task.WhenAll(primaries.Select(FindFaultsAsync));
        return [.. primaries.Zip(faults).SelectMany(pair => pair.Second.Select(fault => primaries.Count == 1 ? fault : $"{pair.First.EndPoint}: {fault}"))];
    }

    private static async Task<IReadOnlyList<string>> FindFaultsAsync(IServer primary)
    {
        // INFO and not CONFIG: hosted servers refuse CONFIG. By a script, since the library keeps INFO for connections in admin mode.
        var info = Parse((string?)await primary.ExecuteAsync("EVAL", "return redis.call('INFO')", 0) ?? "");
        string Value(string name) => info.GetValueOrDefault(name, "");
        var faults = new List<string>();
        if (Version.TryParse(Value("redis_version"), out var version) && version.Major < OldestMajorVersion)
            faults.Add($"Redis is {version}: sharded channels and scripts that publish to them need version {OldestMajorVersion} or later.");
        if (Value("maxmemory_policy") is { Length: > 0 } policy and not "noeviction")
            faults.Add($"maxmemory-policy is {policy}: a full server would forget numbers that were given out. Set it to noeviction.");
        if (Value("aof_enabled") == "0")
            faults.Add("appendonly is off: a restart loses the newest events of every room, and members see them again under new numbers. Set appendonly yes.");
        if (int.TryParse(Value("connected_slaves"), out var replicas) && replicas > 0 && Value("min_slaves_good_slaves").Length == 0)
            faults.Add("There are replicas but min-replicas-to-write is 0: a primary that was cut off would go on numbering alone. Set it to 1.");
        return faults;
    }

    /// <inheritdoc/>
    public async Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
    {
        IReadOnlyList<string> faults;
        try
        {
            faults = await FindFaultsAsync().WaitAsync(cancellationToken);
        }
        catch (Exception failure) when (failure is RedisException or TimeoutException)
        {
            return HealthCheckResult.Degraded("Redis does not answer.", failure);
        }
        var text = string.Join(' ', faults);
        // The probe comes every few seconds: the log says it once, and again when it changes.
        if (text != _lastFaults && text.Length > 0)
            Log.WrongSettings(logger, text);
        _lastFaults = text;
        return faults.Count == 0 ? HealthCheckResult.Healthy() : HealthCheckResult.Degraded(text);
    }

    private static Dictionary<string, string> Parse(string info)
    {
        var values = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var line in info.Split('\n', StringSplitOptions.TrimEntries))
        {
            if (line.IndexOf(':') is > 0 and var colon)
                values[line[..colon]] = line[(colon + 1)..];
        }
        return values;
    }

    private static partial class Log
    {
        [LoggerMessage(2120, LogLevel.Warning, "Redis is not set up as the promises need it. {Faults}")]
        public static partial void WrongSettings(ILogger logger, string faults);
    }
}
