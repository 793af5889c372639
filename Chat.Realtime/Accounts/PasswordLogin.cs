using Chat.Contracts;
using Chat.Contracts.Api;
using Chat.Data.Model;
using Chat.Realtime.Auth;
using Chat.Realtime.Limits;
using Microsoft.EntityFrameworkCore;

namespace Chat.Realtime.Accounts;

/// <summary>
/// Sign-in with a password. An unknown name, a user without a password, a disabled one and a wrong password go the same way: one limit check, one
/// read, one hash, one counted failure, one answer.
/// </summary>
public sealed class PasswordLogin(UnitOfWork work, PasswordHasher passwords, SignIns signIns, RateLimiter limits, UserDirectory directory)
{
    private const int MaxPasswordLength = 1024;

    public async Task<Session> LoginAsync(LoginRequest request, string address, string? userAgent, CancellationToken cancellationToken)
    {
        if (request is not { UserName.Length: > 0, Password.Length: > 0 }) throw new ChatException(ErrorCodes.BadRequest, "user_name and password are needed.");
        var userName = UserNames.Normalize(request.UserName) ?? "";
        await CheckLimitAsync(userName, address, cancellationToken);
        var user = await work.RunAsync((db, token) => db.Users.AsNoTracking().FirstOrDefaultAsync(u => u.UserName == userName, token), cancellationToken);
        var right = await IsRightAsync(request.Password, user, cancellationToken);
        if (right && user is { Disabled: false }) return await signIns.StartAsync(user, userAgent, cancellationToken);
        await limits.LoginFailedAsync(userName, address, cancellationToken);
        throw new ChatException(ErrorCodes.Unauthorized, "User name or password is wrong.");
    }

    /// <summary>Sets a new password and ends the user's other sessions; <c>forbidden</c> when the old one is wrong.</summary>
    public async Task ChangeAsync(ConnectedUser caller, PasswordChange change, string address, CancellationToken cancellationToken)
    {
        var next = PasswordRules.Check(change.New, caller.UserName);
        await CheckLimitAsync(caller.UserName, address, cancellationToken);
        var user = await work.RunAsync((db, token) => db.Users.AsNoTracking().FirstOrDefaultAsync(u => u.UserId == caller.UserId, token), cancellationToken);
        if (!await IsRightAsync(change.Old ?? "", user, cancellationToken))
        {
            await limits.LoginFailedAsync(caller.UserName, address, cancellationToken);
            throw new ChatException(ErrorCodes.Forbidden, "The old password is wrong.");
        }
        var hash = await passwords.HashAsync(next, cancellationToken);
        await work.RunAsync((db, token) => db.Users.Where(u => u.UserId == caller.UserId)
            .ExecuteUpdateAsync(set => set.SetProperty(u => u.PasswordHash, hash), token), cancellationToken);
        directory.Forget(caller.UserId);
        await signIns.EndOthersAsync(caller.UserId, caller.SessionId, cancellationToken);
    }

    private async Task CheckLimitAsync(string userName, string address, CancellationToken cancellationToken)
    {
        if (await limits.CheckLoginAsync(userName, address, cancellationToken) is { } wait)
            throw new ChatException(ErrorCodes.RateLimited, "Too many failed logins: wait.", wait);
    }

    // One of over 1,024 characters is nobody's; it is hashed as a short one, so that its length costs nothing.
    private Task<bool> IsRightAsync(string password, User? user, CancellationToken cancellationToken) => password.Length <= MaxPasswordLength
        ? passwords.VerifyAsync(password, user?.PasswordHash, cancellationToken)
        : passwords.VerifyAsync("", null, cancellationToken);
}
