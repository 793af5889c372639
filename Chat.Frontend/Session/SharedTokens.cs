using Chat.Client;
using Chat.Contracts;
using StackExchange.Redis;

namespace Chat.Frontend.Session;

/// <summary>
/// The tokens of signed-in browsers, shared by every frontend and every window of a session. A refresh token is good for one use,
/// and using it twice ends the session: so it is used only under a lock, after reading again what the holder before may have stored.
/// </summary>
public sealed partial class SharedTokens(IConnectionMultiplexer redis, AnonymousApi api, TimeProvider time, ILogger<SharedTokens> log)
{
    /// <summary>A session that nobody used for so long is forgotten.</summary>
    public static readonly TimeSpan Lifetime = TimeSpan.FromDays(30);
    // An access token is renewed this long before its end, so that none runs out on its way.
    private static readonly TimeSpan RenewBefore = TimeSpan.FromSeconds(60);
    // Longer than a refresh may take (AnonymousApi.Timeout), so that the lock does not end under its holder.
    private static readonly TimeSpan LockFor = TimeSpan.FromSeconds(20);

    /// <exception cref="ChatException"><c>unavailable</c>: Redis cannot be reached.</exception>
    public Task StoreAsync(BrowserSession session, StoredTokens tokens) =>
        AskAsync(redis => redis.StringSetAsync(RedisKeys.BrowserSession(session.Hash), SealedTokens.Seal(session, tokens), Lifetime));

    /// <exception cref="ChatException"><c>unavailable</c>: Redis cannot be reached.</exception>
    public async Task<StoredTokens?> ReadAsync(BrowserSession session)
    {
        byte[]? stored = await AskAsync(redis => redis.StringGetAsync(RedisKeys.BrowserSession(session.Hash)));
        return stored is null ? null : SealedTokens.Open(session, stored);
    }

    /// <exception cref="ChatException"><c>unavailable</c>: Redis cannot be reached.</exception>
    public Task ForgetAsync(BrowserSession session) =>
        AskAsync(redis => redis.KeyDeleteAsync(RedisKeys.BrowserSession(session.Hash)));

    /// <summary>A valid access token, renewed where needed; null when the session has ended.</summary>
    /// <exception cref="ChatException"><c>unavailable</c>: it cannot be renewed now.</exception>
    public async Task<StoredTokens?> GetAsync(BrowserSession session, CancellationToken cancellationToken)
    {
        var giveUpAt = time.GetUtcNow() + LockFor;
        while (true)
        {
            var tokens = await ReadAsync(session);
            if (tokens is null || tokens.AccessExpiresAt - time.GetUtcNow() > RenewBefore) return tokens;

            var holder = Guid.NewGuid().ToString("N");
            var lockKey = RedisKeys.BrowserSessionLock(session.Hash);
            if (await AskAsync(redis => redis.LockTakeAsync(lockKey, holder, LockFor)))
            {
                try
                {
                    return await RenewAsync(session, cancellationToken);
                }
                finally
                {
                    await AskAsync(redis => redis.LockReleaseAsync(lockKey, holder));
                }
            }
            if (time.GetUtcNow() >= giveUpAt) throw new ChatException(ErrorCodes.Unavailable, "The session is being renewed elsewhere.");
            await Task.Delay(TimeSpan.FromMilliseconds(Random.Shared.Next(50, 200)), time, cancellationToken);
        }
    }

    private async Task<StoredTokens?> RenewAsync(BrowserSession session, CancellationToken cancellationToken)
    {
        // Whoever held the lock before may have renewed it.
        var tokens = await ReadAsync(session);
        if (tokens is null || tokens.AccessExpiresAt - time.GetUtcNow() > RenewBefore) return tokens;
        try
        {
            // Not cancelled half-way: a token that was used but not replaced here would end the session.
            cancellationToken.ThrowIfCancellationRequested();
            var renewed = StoredTokens.From(await api.Calls.RefreshAsync(tokens.RefreshToken, CancellationToken.None), time.GetUtcNow());
            await StoreAsync(session, renewed);
            return renewed;
        }
        catch (ChatException refused) when (refused.Code is ErrorCodes.Unauthorized)
        {
            Log.SessionEnded(log, session.UserId);
            await ForgetAsync(session);
            return null;
        }
    }

    private async Task<T> AskAsync<T>(Func<IDatabase, Task<T>> question)
    {
        try
        {
            return await question(redis.GetDatabase());
        }
        catch (Exception failure) when (failure is RedisException or TimeoutException)
        {
            Log.StoreAway(log, failure.Message);
            throw new ChatException(ErrorCodes.Unavailable, "Sessions cannot be read now.");
        }
    }

    private static partial class Log
    {
        [LoggerMessage(6001, LogLevel.Information, "The session of {UserId} has ended: its refresh token is refused", EventName = "SessionEnded")]
        public static partial void SessionEnded(ILogger logger, string userId);

        [LoggerMessage(6003, LogLevel.Warning, "Sessions cannot be read or written: {Reason}", EventName = "SessionStoreAway")]
        public static partial void StoreAway(ILogger logger, string reason);
    }
}
