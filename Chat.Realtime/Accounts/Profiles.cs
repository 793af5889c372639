using Chat.Contracts;
using Chat.Contracts.Api;
using Chat.Data.Model;
using Chat.Realtime.Auth;
using Microsoft.EntityFrameworkCore;

namespace Chat.Realtime.Accounts;

/// <summary>Users as they see themselves and each other.</summary>
public sealed class Profiles(UnitOfWork work, UserDirectory directory)
{
    /// <summary>The user; <c>not_found</c> when there is none.</summary>
    public async Task<UserInfo> GetAsync(string userId, CancellationToken cancellationToken) =>
        await work.RunAsync((db, token) => db.Users.Where(u => u.UserId == userId)
            .Select(u => new UserInfo(u.UserId, u.UserName, u.DisplayName, u.Admin)).FirstOrDefaultAsync(token), cancellationToken)
        ?? throw new ChatException(ErrorCodes.NotFound, "There is no such user.");

    /// <summary>Sets the display name; an empty one removes it, none leaves it.</summary>
    public async Task<UserInfo> ChangeAsync(ConnectedUser user, ProfileChange change, CancellationToken cancellationToken)
    {
        if (change.DisplayName is { } name)
        {
            if (name.Length > 0 && !UserNames.IsValidDisplayName(name))
                throw new ChatException(ErrorCodes.BadRequest, $"A display name has up to {ProtocolLimits.MaxDisplayNameLength} visible characters.");
            var kept = name.Length > 0 ? name : null;
            await work.RunAsync((db, token) => db.Users.Where(u => u.UserId == user.UserId)
                .ExecuteUpdateAsync(set => set.SetProperty(u => u.DisplayName, kept), token), cancellationToken);
            directory.Forget(user.UserId);
        }
        return await GetAsync(user.UserId, cancellationToken);
    }

    /// <summary>Users that are not disabled whose names start with <paramref name="prefix"/>, in the order of their names after <paramref name="after"/>; up to one more than <paramref name="limit"/>.</summary>
    public async Task<IReadOnlyList<UserInfo>> SearchAsync(string prefix, string? after, int limit, CancellationToken cancellationToken)
    {
        var start = prefix.ToLowerInvariant();
        return await work.RunAsync((db, token) => db.Users
            .Where(u => u.UserName.StartsWith(start) && !u.Disabled && (after == null || u.UserName.CompareTo(after) > 0))
            .OrderBy(u => u.UserName).Take(limit + 1)
            .Select(u => new UserInfo(u.UserId, u.UserName, u.DisplayName, u.Admin)).ToListAsync(token), cancellationToken);
    }
}
