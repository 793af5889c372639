using Chat.Data;
using Chat.Realtime.Transport;
using Microsoft.Extensions.Options;
using StackExchange.Redis;

namespace Chat.Realtime.Limits;

/// <summary>Token buckets in Redis: a limit holds over all nodes and transports. When Redis cannot be asked, nothing is refused.</summary>
public sealed partial class RateLimiter(IConnectionMultiplexer redis, IRedisCommands commands, IOptions<LimitOptions> options, ILogger<RateLimiter> logger)
{
    private const int MessageBurst = 2;
    private const int RequestBurst = 4;
    private const int HandshakeBurst = 5;

    // Logins that are being checked when the limit of failures is not yet reached: without a bound, thousands could be tried at once
    // before the first failure is counted.
    private const int LoginsPerSecond = 5;
    private const int LoginBurst = 30;

    private readonly TokenBucket _buckets = new(commands);
    private readonly LoginFailures _failures = new(redis);
    private int _failing;

    /// <summary>Takes one token for a message of <paramref name="userId"/>; null when taken, else the milliseconds until there is one.</summary>
    public ValueTask<int?> TakeMessageAsync(string userId, CancellationToken cancellationToken) =>
        TakeAsync("msg", userId, options.Value.MessagesPerSecond, MessageBurst, staysOnLoop: true, cancellationToken);

    /// <summary>Takes one token for an HTTP request of <paramref name="userId"/>.</summary>
    public ValueTask<int?> TakeRequestAsync(string userId, CancellationToken cancellationToken) =>
        TakeAsync("req", userId, options.Value.RequestsPerSecond, RequestBurst, staysOnLoop: false, cancellationToken);

    /// <summary>Takes one token for a WebSocket handshake from <paramref name="address"/>.</summary>
    public ValueTask<int?> TakeHandshakeAsync(string address, CancellationToken cancellationToken) =>
        TakeAsync("hs", address, options.Value.HandshakesPerSecond, HandshakeBurst, staysOnLoop: false, cancellationToken);

    /// <summary>Login attempts: null when one more may be tried for this name from this address. Failures are counted with <see cref="LoginFailedAsync"/>.</summary>
    public async ValueTask<int?> CheckLoginAsync(string userName, string address, CancellationToken cancellationToken)
    {
        if (!options.Value.Enabled) return null;
        return await AskAsync(async () =>
        {
            var attempt = _buckets.TakeAsync("login-try", $"{userName}|{address}", LoginsPerSecond, LoginBurst);
            return await _failures.WaitAsync(userName, address) ?? await attempt;
        }, cancellationToken);
    }

    /// <summary>Counts a failed login: 10 per name and address, 300 per address in 15 minutes.</summary>
    public async ValueTask LoginFailedAsync(string userName, string address, CancellationToken cancellationToken)
    {
        if (!options.Value.Enabled) return;
        await AskAsync(async () =>
        {
            await _failures.CountAsync(userName, address);
            return null;
        }, cancellationToken);
    }

    private async ValueTask<int?> TakeAsync(string kind, string subject, int perSecond, int burstFactor, bool staysOnLoop, CancellationToken cancellationToken)
    {
        if (!options.Value.Enabled || perSecond == 0) return null;
        return await AskAsync(() => _buckets.TakeAsync(kind, subject, perSecond, perSecond * burstFactor), cancellationToken, staysOnLoop);
    }

    // A message goes on where Redis' answer was read, on the event loop; what follows a request or a handshake may take long.
    private async Task<int?> AskAsync(Func<Task<int?>> ask, CancellationToken cancellationToken, bool staysOnLoop = false)
    {
        if (!redis.IsConnected) return null;
        int? wait = null;
        try
        {
            wait = await ask().WaitAsync(cancellationToken);
            if (Interlocked.Exchange(ref _failing, 0) == 1) Log.Restored(logger);
        }
        catch (Exception failure) when (failure is RedisException or TimeoutException)
        {
            if (Interlocked.Exchange(ref _failing, 1) == 0) Log.Failing(logger, failure.Message);
        }
        if (!staysOnLoop) await EventLoop.LeaveAsync();
        return wait;
    }

    private static partial class Log
    {
        [LoggerMessage(1, LogLevel.Warning, "Limits cannot be checked and nothing is refused: {Reason}")]
        public static partial void Failing(ILogger logger, string reason);

        [LoggerMessage(2, LogLevel.Information, "Limits are checked again.")]
        public static partial void Restored(ILogger logger);
    }
}
