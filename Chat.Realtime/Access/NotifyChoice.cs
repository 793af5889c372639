using Chat.Contracts;
using Chat.Contracts.Api;
using Chat.Data.Model;
using Chat.Realtime.Auth;
using Microsoft.EntityFrameworkCore;

namespace Chat.Realtime.Access;

/// <summary>What a member wants to be notified of in a room. It belongs to the membership and ends with it.</summary>
public sealed class NotifyChoice(UnitOfWork work, RoomAccess access)
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(1);

    /// <summary>
    /// The levels of those of <paramref name="userIds"/> who are members of the room. Throws <see cref="ChatException"/> <c>unavailable</c> while Postgres is away,
    /// after a moment.
    /// </summary>
    public Task<Dictionary<string, string>> LevelsAsync(string roomId, IReadOnlyCollection<string> userIds, CancellationToken cancellationToken)
    {
        var asked = userIds.ToArray();
        return work.TryRunAsync((db, token) => db.Memberships
            .Where(m => m.RoomId == roomId && asked.Contains(m.UserId))
            .ToDictionaryAsync(m => m.UserId, m => m.Notify, token), Patience, cancellationToken);
    }

    /// <summary>Throws <c>bad_request</c> for an unknown level, <c>not_found</c> or <c>forbidden</c> for those who are not in the room.</summary>
    public async Task SetAsync(string roomId, ConnectedUser user, string? level, CancellationToken cancellationToken)
    {
        if (!NotifyLevels.IsValid(level)) throw new ChatException(ErrorCodes.BadRequest, "level must be all, mentions or none.");
        var changed = await work.RunAsync((db, token) => db.Memberships
            .Where(m => m.RoomId == roomId && m.UserId == user.UserId && db.Rooms.Any(r => r.RoomId == roomId && r.DeletedAt == null))
            .ExecuteUpdateAsync(set => set.SetProperty(m => m.Notify, level!), token), cancellationToken);
        if (changed > 0) return;
        throw await access.GetAsync(roomId, user.UserId, cancellationToken) is null
            ? RoomTable.NoRoom()
            : new ChatException(ErrorCodes.Forbidden, "Only members are notified of a room.");
    }
}
