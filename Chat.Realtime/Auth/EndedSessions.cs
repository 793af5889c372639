using Chat.Contracts;
using Chat.Realtime.Connections;
using StackExchange.Redis;

namespace Chat.Realtime.Auth;

/// <summary>
/// Sessions that were ended while access tokens of theirs may still be alive. Every node reads the list twice a second, refuses such tokens and
/// closes such connections. When Redis cannot be read, a token lives to its end (15 minutes at most); it cannot be renewed in any case.
/// </summary>
public sealed partial class EndedSessions(
    IConnectionMultiplexer redis, ConnectionRegistry connections, TimeProvider time, ILogger<EndedSessions> logger) : BackgroundService
{
    private const int MaxListed = 100_000;
    private const int PageSize = 1_000;
    private const string SessionField = "s";
    private const string UserField = "u";
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan Remembered = AccessTokens.Lifetime + TimeSpan.FromMinutes(1);

    private readonly Lock _lock = new();
    private readonly Dictionary<string, DateTimeOffset> _ended = [];
    private readonly Queue<string> _oldestFirst = new();

    /// <summary>True when the session was ended, as far as this node knows.</summary>
    public bool Contains(string sessionId)
    {
        lock (_lock) return _ended.ContainsKey(sessionId);
    }

    /// <summary>
    /// Closes a connection whose session was ended. To be called once the connection is in the registry, and whenever its user was replaced: a session
    /// that ended between the check of its token and that moment closed nobody.
    /// </summary>
    public void Enforce(Connection connection)
    {
        if (connection.User.SessionId is { } sessionId && Contains(sessionId)) Close(connection);
    }

    /// <summary>Tells every node that a session, which Postgres has ended already, is over.</summary>
    public async Task AnnounceAsync(string userId, string sessionId)
    {
        End(userId, sessionId);
        try
        {
            await redis.GetDatabase().StreamAddAsync(
                RedisKeys.EndedSessions, [new(SessionField, sessionId), new(UserField, userId)], maxLength: MaxListed, useApproximateMaxLength: true);
        }
        catch (Exception e) when (e is RedisException or TimeoutException)
        {
            Log.NotAnnounced(logger, sessionId, e.Message);
        }
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        // By Redis' clock: its entry ids are times.
        RedisValue position = (time.GetUtcNow() - Remembered - TimeSpan.FromMinutes(5)).ToUnixTimeMilliseconds();
        var pause = Interval;
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                position = await ReadAsync(position);
                pause = Interval;
            }
            catch (Exception e) when (e is RedisException or TimeoutException)
            {
                pause = pause * 2 < LongestPause ? pause * 2 : LongestPause;
                Log.NotRead(logger, e.Message);
            }
            Forget();
            await Task.Delay(pause * (0.75 + Random.Shared.NextDouble() / 2), time, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private async Task<RedisValue> ReadAsync(RedisValue position)
    {
        while (true)
        {
            var page = await redis.GetDatabase().StreamReadAsync(RedisKeys.EndedSessions, position, PageSize);
            foreach (var entry in page)
            {
                position = entry.Id;
                End(entry[UserField].ToString(), entry[SessionField].ToString());
            }
            if (page.Length < PageSize) return position;
        }
    }

    private void End(string userId, string sessionId)
    {
        lock (_lock)
        {
            if (!_ended.TryAdd(sessionId, time.GetUtcNow())) return;
            _oldestFirst.Enqueue(sessionId);
        }
        foreach (var connection in connections.OfUser(userId))
            if (connection.User.SessionId == sessionId) Close(connection);
    }

    private static void Close(Connection connection) => connection.Close(CloseCodes.SessionExpired, "session ended");

    private void Forget()
    {
        var limit = time.GetUtcNow() - Remembered;
        lock (_lock)
            while (_oldestFirst.TryPeek(out var oldest) && (_ended[oldest] < limit || _ended.Count > MaxListed))
                _ended.Remove(_oldestFirst.Dequeue());
    }

    private static partial class Log
    {
        [LoggerMessage(3101, LogLevel.Warning, "The end of session {SessionId} could not be told to the other nodes: {Reason}")]
        public static partial void NotAnnounced(ILogger logger, string sessionId, string reason);

        [LoggerMessage(3102, LogLevel.Warning, "The list of ended sessions cannot be read: {Reason}")]
        public static partial void NotRead(ILogger logger, string reason);
    }
}
