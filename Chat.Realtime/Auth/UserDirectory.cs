using Chat.Contracts;
using Chat.Data;
using Chat.Data.Model;
using Chat.Realtime.Access;
using Microsoft.EntityFrameworkCore;

namespace Chat.Realtime.Auth;

/// <summary>A user as the handshake needs it.</summary>
public sealed record KnownUser(string UserId, string UserName, string? DisplayName, bool Admin, bool Disabled);

/// <summary>
/// Users by id, kept in memory for <see cref="Freshness"/> so that a handshake of a known user costs no round trip; older copies, or what a token of
/// our own says, answer only while Postgres is away. The first valid token of an unknown user creates it, once, whichever process sees it.
/// </summary>
public sealed class UserDirectory
{
    // Of a generation: about 15 MB each.
    private const int MaxUsers = 50_000;
    private const int NameTries = 20;
    private static readonly TimeSpan Freshness = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan Kept = TimeSpan.FromHours(1);
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(3);

    // Two generations of copies: when the younger is full or old it becomes the older one, whose copies are forgotten. An entry of a cache with a clock and a
    // priority for each would take several times the memory of what it keeps.
    private readonly Lock _gate = new();
    private Dictionary<string, Copy> _younger = [];
    private Dictionary<string, Copy> _older = [];
    private DateTimeOffset _youngerSince;
    private readonly UnitOfWork _work;
    private readonly TimeProvider _time;
    private readonly SharedQueries<string, KnownUser> _reads;
    private readonly SharedQueries<TokenClaims, KnownUser> _newcomers;

    public UserDirectory(UnitOfWork work, TimeProvider time)
    {
        (_work, _time, _youngerSince) = (work, time, time.GetUtcNow());
        _reads = new(ids => work.TryRunAsync((db, token) => FindAsync(db, ids, token), Patience, CancellationToken.None));
        _newcomers = new(newcomers => work.TryRunAsync((db, token) => CreateAsync(db, newcomers, time.GetUtcNow(), token), Patience, CancellationToken.None));
    }

    /// <summary>The user of verified claims. Throws <see cref="ChatException"/> <c>unavailable</c> when neither memory nor Postgres can tell.</summary>
    public async Task<KnownUser> GetOrCreateAsync(TokenClaims claims, CancellationToken cancellationToken)
    {
        var copy = Find(claims.UserId);
        var age = _time.GetUtcNow() - copy.ReadAt;
        if (copy.User is not null && age < Freshness) return copy.User;
        try
        {
            var user = await _reads.FindAsync(claims.UserId, cancellationToken)
                ?? await _newcomers.FindAsync(claims, cancellationToken)
                ?? await _work.TryRunAsync((db, token) => CreateAsync(db, claims, token), Patience, cancellationToken);
            return Keep(user);
        }
        catch (ChatException e) when (e.Code == ErrorCodes.Unavailable && ((age < Kept ? copy.User : null) ?? OfOwnToken(claims)) is { } known)
        {
            return known;
        }
    }

    /// <summary>The user as Postgres has it; null when there is none. Throws as <see cref="GetOrCreateAsync"/>.</summary>
    internal Task<KnownUser?> FindAsync(string userId, CancellationToken cancellationToken) => _reads.FindAsync(userId, cancellationToken);

    /// <summary>Forgets the copy of a user that was changed here; other processes see the change when theirs is old.</summary>
    public void Forget(string userId)
    {
        lock (_gate)
        {
            _younger.Remove(userId);
            _older.Remove(userId);
        }
    }

    // A token with a session is one of ours, at most 15 minutes old: its user exists, and its name is the one that we wrote.
    private static KnownUser? OfOwnToken(TokenClaims claims) => claims is { SessionId: not null, Name: { } name }
        ? new KnownUser(claims.UserId, name, claims.DisplayName, Admin: false, Disabled: false)
        : null;

    private Copy Find(string userId)
    {
        lock (_gate) return _younger.TryGetValue(userId, out var copy) ? copy : _older.GetValueOrDefault(userId);
    }

    private KnownUser Keep(KnownUser user)
    {
        var now = _time.GetUtcNow();
        lock (_gate)
        {
            if (_younger.Count >= MaxUsers || now - _youngerSince > Kept) (_older, _younger, _youngerSince) = (_younger, [], now);
            _younger[user.UserId] = new Copy(user, now);
            _older.Remove(user.UserId);
        }
        return user;
    }

    private static async Task<IReadOnlyDictionary<string, KnownUser>> FindAsync(ChatDb db, IReadOnlyCollection<string> userIds, CancellationToken cancellationToken) =>
        await db.Users.Where(u => userIds.Contains(u.UserId))
            .Select(u => new KnownUser(u.UserId, u.UserName, u.DisplayName, u.Admin, u.Disabled))
            .ToDictionaryAsync(user => user.UserId, cancellationToken);

    private static Task<KnownUser?> FindAsync(ChatDb db, string userId, CancellationToken cancellationToken) =>
        db.Users.Where(u => u.UserId == userId)
            .Select(u => new KnownUser(u.UserId, u.UserName, u.DisplayName, u.Admin, u.Disabled))
            .FirstOrDefaultAsync(cancellationToken);

    /// <summary>All who came meanwhile, with one statement. Without those whose name is taken, or who were created elsewhere in the same moment.</summary>
    private static async Task<IReadOnlyDictionary<TokenClaims, KnownUser>> CreateAsync(
        ChatDb db, IReadOnlyCollection<TokenClaims> newcomers, DateTimeOffset now, CancellationToken cancellationToken)
    {
        var (ids, names, displayNames) = (newcomers.Select(one => one.UserId).ToArray(), newcomers.Select(NameOf).ToArray(), newcomers.Select(DisplayNameOf).ToArray());
        // In the order of their ids: another node's statement may make some of the same. Where their names cross, Postgres ends one of the two, which is made again.
        var created = await db.Database.SqlQuery<KnownUser>(
            $"""
            insert into users (user_id, user_name, display_name, created_at)
            select user_id, user_name, display_name, {now} from unnest({ids}, {names}, {displayNames}) as newcomer (user_id, user_name, display_name) order by user_id
            on conflict do nothing
            returning user_id as "UserId", user_name as "UserName", display_name as "DisplayName", false as "Admin", false as "Disabled"
            """).ToDictionaryAsync(user => user.UserId, cancellationToken);
        return newcomers.Where(one => created.ContainsKey(one.UserId)).ToDictionary(one => one, one => created[one.UserId]);
    }

    private static string NameOf(TokenClaims claims) => UserNames.FromClaim(claims.Name ?? claims.UserId);

    private static string? DisplayNameOf(TokenClaims claims) => UserNames.IsValidDisplayName(claims.DisplayName) ? claims.DisplayName : null;

    private async Task<KnownUser> CreateAsync(ChatDb db, TokenClaims claims, CancellationToken cancellationToken)
    {
        var (name, displayName) = (NameOf(claims), DisplayNameOf(claims));
        var now = _time.GetUtcNow();
        for (var attempt = 1; attempt <= NameTries; attempt++)
        {
            var candidate = Numbered(name, attempt);
            // Of two processes, or two users of one name, one inserts; the other finds out here.
            var inserted = await db.Database.ExecuteSqlAsync(
                $"insert into users (user_id, user_name, display_name, created_at) values ({claims.UserId}, {candidate}, {displayName}, {now}) on conflict do nothing",
                cancellationToken);
            if (inserted == 1) return new KnownUser(claims.UserId, candidate, displayName, Admin: false, Disabled: false);
            if (await FindAsync(db, claims.UserId, cancellationToken) is { } existing) return existing;
        }
        throw new ChatException(ErrorCodes.Conflict, $"No free user name like {name} was found.");
    }

    /// <summary>The name itself, then name2 … name9, then random numbers, which do not run in step with others who try.</summary>
    private static string Numbered(string name, int attempt)
    {
        if (attempt == 1) return name;
        var number = attempt < 10 ? attempt.ToString() : Random.Shared.Next(10, 1_000_000).ToString();
        return name[..Math.Min(name.Length, UserNames.MaxLength - number.Length)] + number;
    }

    private readonly record struct Copy(KnownUser? User, DateTimeOffset ReadAt);
}
