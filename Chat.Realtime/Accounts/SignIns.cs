using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Chat.Contracts;
using Chat.Contracts.Api;
using Chat.Data.Model;
using Chat.Realtime.Auth;
using Microsoft.EntityFrameworkCore;

namespace Chat.Realtime.Accounts;

/// <summary>
/// Sessions and their rotating refresh tokens. A refresh token works once: of two uses exactly one gets a session, and the other, since somebody has a
/// copy, ends the whole family. Only hashes of tokens are stored.
/// </summary>
public sealed class SignIns(UnitOfWork work, AccessTokens tokens, EndedSessions ended, TimeProvider time)
{
    private const int TokenBytes = 32;
    private const int MaxUserAgentLength = 256;
    /// <summary>A session that is not used for so long is over.</summary>
    private static readonly TimeSpan Lifetime = TimeSpan.FromDays(30);
    /// <summary>A used token is kept so long, to know its reuse for theft; after that it is merely unknown. At most 672 rows of a session.</summary>
    private static readonly TimeSpan ReuseWatch = TimeSpan.FromDays(7);

    /// <summary>Starts a session for a user whose password was verified.</summary>
    public Task<Session> StartAsync(User user, string? userAgent, CancellationToken cancellationToken) => work.TransactAsync((db, _) =>
    {
        var now = time.GetUtcNow();
        var session = new SignIn
        {
            SessionId = Guid.CreateVersion7(now).ToString("N"),
            UserId = user.UserId,
            CreatedAt = now,
            LastUsedAt = now,
            ExpiresAt = now + Lifetime,
            UserAgent = Clip(userAgent),
        };
        db.SignIns.Add(session);
        return Task.FromResult(Continue(db, user, session.SessionId, now));
    }, cancellationToken);

    /// <summary>Trades a refresh token for a new session; <c>unauthorized</c> when it is unknown, used, or its session is over.</summary>
    public async Task<Session> RefreshAsync(string? refreshToken, CancellationToken cancellationToken)
    {
        if (string.IsNullOrEmpty(refreshToken)) throw Refused();
        var hash = Hash(refreshToken);
        var (session, stolen) = await work.TransactAsync(async (db, token) =>
        {
            var now = time.GetUtcNow();
            // The statement decides the race: the row is locked, and the second one finds it used.
            var taken = await db.RefreshTokens
                .Where(t => t.TokenHash == hash && t.UsedAt == null && t.ExpiresAt > now)
                .ExecuteUpdateAsync(set => set.SetProperty(t => t.UsedAt, now), token);
            var family = await (
                from known in db.RefreshTokens
                join signIn in db.SignIns on known.SessionId equals signIn.SessionId
                join user in db.Users on signIn.UserId equals user.UserId
                where known.TokenHash == hash
                select new { known.UsedAt, SignIn = signIn, User = user }).FirstOrDefaultAsync(token);
            if (family is null || family.SignIn.RevokedAt is not null) return (null, null);
            if (taken == 0)
            {
                if (family.UsedAt is null) return ((Session?)null, (SignIn?)null); // expired, not stolen
                family.SignIn.RevokedAt = now;
                return (null, family.SignIn);
            }
            if (family.User.Disabled) return (null, null);
            await db.RefreshTokens.Where(t => t.SessionId == family.SignIn.SessionId && t.UsedAt < now - ReuseWatch).ExecuteDeleteAsync(token);
            family.SignIn.LastUsedAt = now;
            family.SignIn.ExpiresAt = now + Lifetime;
            return (Continue(db, family.User, family.SignIn.SessionId, now), null);
        }, cancellationToken);
        if (stolen is not null) await ended.AnnounceAsync(stolen.UserId, stolen.SessionId);
        return session ?? throw Refused();
    }

    /// <summary>Ends the session of a refresh token; nothing happens for an unknown one.</summary>
    public async Task LogOutAsync(string? refreshToken, CancellationToken cancellationToken)
    {
        if (string.IsNullOrEmpty(refreshToken)) return;
        var hash = Hash(refreshToken);
        var session = await work.RunAsync((db, token) => (
            from known in db.RefreshTokens
            join signIn in db.SignIns on known.SessionId equals signIn.SessionId
            where known.TokenHash == hash
            select new { signIn.UserId, signIn.SessionId }).FirstOrDefaultAsync(token), cancellationToken);
        if (session is not null) await EndAsync(session.UserId, session.SessionId, cancellationToken);
    }

    /// <summary>Ends a session of the user, its refresh tokens, access tokens and connections; false when it is not the user's or over already.</summary>
    public async Task<bool> EndAsync(string userId, string sessionId, CancellationToken cancellationToken)
    {
        var now = time.GetUtcNow();
        var count = await work.RunAsync((db, token) => db.SignIns
            .Where(s => s.SessionId == sessionId && s.UserId == userId && s.RevokedAt == null)
            .ExecuteUpdateAsync(set => set.SetProperty(s => s.RevokedAt, now), token), cancellationToken);
        if (count > 0) await ended.AnnounceAsync(userId, sessionId);
        return count > 0;
    }

    /// <summary>Ends all sessions of the user but <paramref name="keptSessionId"/>.</summary>
    public async Task EndOthersAsync(string userId, string? keptSessionId, CancellationToken cancellationToken)
    {
        var now = time.GetUtcNow();
        var sessions = await work.TransactAsync(async (db, token) =>
        {
            var others = await db.SignIns.Where(s => s.UserId == userId && s.SessionId != keptSessionId && s.RevokedAt == null && s.ExpiresAt > now).ToListAsync(token);
            foreach (var other in others) other.RevokedAt = now;
            return others;
        }, cancellationToken);
        foreach (var session in sessions) await ended.AnnounceAsync(userId, session.SessionId);
    }

    /// <summary>The user's sessions that are not over, newest use first, after the place of one; up to one more than <paramref name="limit"/>.</summary>
    public async Task<IReadOnlyList<SessionInfo>> ListAsync(ConnectedUser user, string? after, int limit, CancellationToken cancellationToken)
    {
        var (afterTime, afterId) = after?.Split('\n') is [var ticks, var id] && long.TryParse(ticks, NumberStyles.None, CultureInfo.InvariantCulture, out var used)
            && used <= DateTime.MaxValue.Ticks ? (new DateTimeOffset(used, TimeSpan.Zero), id) : (DateTimeOffset.MaxValue, "");
        var now = time.GetUtcNow();
        return await work.RunAsync((db, token) => db.SignIns
            .Where(s => s.UserId == user.UserId && s.RevokedAt == null && s.ExpiresAt > now)
            .Where(s => s.LastUsedAt < afterTime || (s.LastUsedAt == afterTime && s.SessionId.CompareTo(afterId) > 0))
            .OrderByDescending(s => s.LastUsedAt).ThenBy(s => s.SessionId).Take(limit + 1)
            .Select(s => new SessionInfo(s.SessionId, s.CreatedAt, s.LastUsedAt, s.ExpiresAt, s.UserAgent, s.SessionId == user.SessionId))
            .ToListAsync(token), cancellationToken);
    }

    /// <summary>Where a list goes on after this session.</summary>
    public static string PlaceOf(SessionInfo session) => string.Create(CultureInfo.InvariantCulture, $"{session.LastUsedAt.UtcTicks}\n{session.SessionId}");

    /// <summary>The next tokens of a session.</summary>
    private Session Continue(ChatDb db, User user, string sessionId, DateTimeOffset now)
    {
        var refreshToken = Convert.ToBase64String(RandomNumberGenerator.GetBytes(TokenBytes)).TrimEnd('=').Replace('+', '-').Replace('/', '_');
        db.RefreshTokens.Add(new RefreshToken { TokenHash = Hash(refreshToken), SessionId = sessionId, IssuedAt = now, ExpiresAt = now + Lifetime });
        var accessToken = tokens.Issue(user.UserId, user.UserName, user.DisplayName, sessionId);
        return new Session(user.UserId, user.UserName, accessToken, (int)AccessTokens.Lifetime.TotalSeconds, refreshToken);
    }

    private static byte[] Hash(string token) => SHA256.HashData(Encoding.UTF8.GetBytes(token));

    private static string? Clip(string? userAgent) =>
        string.IsNullOrEmpty(userAgent) ? null : new string([.. userAgent.Where(c => !char.IsControl(c)).Take(MaxUserAgentLength)]);

    private static ChatException Refused() => new(ErrorCodes.Unauthorized, "The refresh token is not valid: sign in again.");
}
