using System.Security.Cryptography;
using System.Text;
using Chat.Contracts;
using Chat.Contracts.Api;
using Chat.Data.Model;
using Chat.Realtime.Auth;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;
using Npgsql;

namespace Chat.Realtime.Accounts;

/// <summary>
/// Makes accounts with a password. The first one on a platform without any is its admin: of several who try at once exactly one is, and where
/// <see cref="AuthOptions.BootstrapCode"/> is set only with that code.
/// </summary>
public sealed class Registration(UnitOfWork work, PasswordHasher passwords, SignIns signIns, IOptions<AuthOptions> options, TimeProvider time)
{
    // Any constant that nothing else locks.
    private const long FirstAccountLock = 0x63686174_00000002;

    public async Task<Session> RegisterAsync(RegisterRequest request, string? userAgent, CancellationToken cancellationToken)
    {
        var userName = UserNames.Normalize(request.UserName)
            ?? throw new ChatException(ErrorCodes.BadRequest, $"A user name has {UserNames.MinLength} to {UserNames.MaxLength} of a-z 0-9 _ - .");
        var password = PasswordRules.Check(request.Password, userName);
        if (request.DisplayName is { Length: > 0 } name && !UserNames.IsValidDisplayName(name))
            throw new ChatException(ErrorCodes.BadRequest, $"A display name has up to {ProtocolLimits.MaxDisplayNameLength} visible characters.");
        // Before the hash, which is dear: who may not register costs nothing.
        await CheckAllowedAsync(request.Code, cancellationToken);
        var hash = await passwords.HashAsync(password, cancellationToken);
        var user = await work.TransactAsync((db, token) => InsertAsync(db, request, userName, hash, token), cancellationToken);
        return await signIns.StartAsync(user, userAgent, cancellationToken);
    }

    /// <summary>What a registration takes now.</summary>
    public Task<RegistrationInfo> DescribeAsync(CancellationToken cancellationToken) => work.RunAsync(async (db, token) =>
    {
        var first = await IsFirstAsync(db, token);
        var codeRequired = first && options.Value.BootstrapCode is { Length: > 0 } || options.Value.Registration is RegistrationModes.Invite;
        return new RegistrationInfo(codeRequired || options.Value.Registration is RegistrationModes.Open, codeRequired, first);
    }, cancellationToken);

    private async Task<bool> CheckAllowedAsync(string? code, CancellationToken cancellationToken) =>
        await work.RunAsync(async (db, token) => IsAllowed(await IsFirstAsync(db, token), code), cancellationToken)
            ? true
            : throw NotAllowed();

    private async Task<User> InsertAsync(ChatDb db, RegisterRequest request, string userName, string hash, CancellationToken cancellationToken)
    {
        var first = await IsFirstAsync(db, cancellationToken);
        if (first)
        {
            await db.Database.ExecuteSqlAsync($"select pg_advisory_xact_lock({FirstAccountLock})", cancellationToken);
            first = await IsFirstAsync(db, cancellationToken);
        }
        if (!IsAllowed(first, request.Code)) throw NotAllowed();
        if (await db.Users.AnyAsync(u => u.UserName == userName, cancellationToken)) throw Taken();
        var now = time.GetUtcNow();
        var user = new User
        {
            UserId = Guid.CreateVersion7(now).ToString("N"),
            UserName = userName,
            DisplayName = string.IsNullOrEmpty(request.DisplayName) ? null : request.DisplayName,
            PasswordHash = hash,
            Admin = first,
            CreatedAt = now,
        };
        db.Users.Add(user);
        try
        {
            await db.SaveChangesAsync(cancellationToken);
        }
        catch (DbUpdateException e) when (e.InnerException is PostgresException { SqlState: PostgresErrorCodes.UniqueViolation })
        {
            throw Taken();
        }
        return user;
    }

    private bool IsAllowed(bool first, string? code) => first switch
    {
        true when options.Value.BootstrapCode is { Length: > 0 } bootstrap => IsSame(code, bootstrap),
        _ => options.Value.Registration switch
        {
            RegistrationModes.Open => true,
            RegistrationModes.Invite => IsSame(code, options.Value.InviteCode!),
            _ => false,
        },
    };

    // Users that came with tokens of an application have no password and do not make the platform anybody's.
    private static async Task<bool> IsFirstAsync(ChatDb db, CancellationToken cancellationToken) =>
        !await db.Users.AnyAsync(u => u.PasswordHash != null, cancellationToken);

    private static bool IsSame(string? given, string expected) =>
        given is not null && CryptographicOperations.FixedTimeEquals(Encoding.UTF8.GetBytes(given), Encoding.UTF8.GetBytes(expected));

    private static ChatException NotAllowed() => new(ErrorCodes.Forbidden, "Registration needs a valid code, or is closed.");

    private static ChatException Taken() => new(ErrorCodes.Conflict, "This user name is taken.");
}
