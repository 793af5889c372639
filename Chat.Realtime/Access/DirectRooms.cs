using Chat.Contracts;
using Chat.Contracts.Api;
using Chat.Data.Model;
using Chat.Realtime.Auth;
using Microsoft.EntityFrameworkCore;

namespace Chat.Realtime.Access;

/// <summary>The direct room of two users. Its id is a hash of both, so whoever asks first, on whatever node, there is one.</summary>
public sealed class DirectRooms(UnitOfWork work, RoomAccess access)
{
    /// <summary><paramref name="asked"/> is what the copy of the room's access says of the user. Throws <c>not_found</c> for an unknown peer, <c>bad_request</c> for oneself.</summary>
    public async Task<RoomStanding> GetOrCreateAsync(ConnectedUser user, string peerId, ValueTask<CopiedStanding?> asked, CancellationToken cancellationToken)
    {
        if (peerId == user.UserId) throw new ChatException(ErrorCodes.BadRequest, "A direct room is between two users.");
        if (!UserNames.IsValidUserId(peerId)) throw NoUser();
        var roomId = RoomIds.Direct(user.UserId, peerId);
        return await access.GetAsync(roomId, user.UserId, asked, cancellationToken)
            ?? await CreateAsync(roomId, user.UserId, peerId, cancellationToken);
    }

    private Task<RoomStanding> CreateAsync(string roomId, string userId, string peerId, CancellationToken cancellationToken) =>
        work.TransactAsync(async (db, token) =>
        {
            if (!await db.Users.AnyAsync(u => u.UserId == peerId && !u.Disabled, token)) throw NoUser();
            var epoch = await RoomTable.CurrentEpochAsync(db, token);
            await db.Database.ExecuteSqlAsync(
                $"""
                insert into rooms (room_id, name, kind, created_by, created_at, created_epoch, member_count)
                values ({roomId}, '', {RoomKinds.Direct}, {userId}, now(), {epoch}, 2) on conflict do nothing
                """, token);
            await db.Database.ExecuteSqlAsync(
                $"""
                insert into members (room_id, user_id, role, joined_at)
                select {roomId}, u, {Roles.Member}, now() from unnest({new[] { userId, peerId }}) as u on conflict do nothing
                """, token);
            return await RoomAccess.ReadAsync(db, roomId, userId, token) ?? throw RoomTable.NoRoom();
        }, cancellationToken);

    private static ChatException NoUser() => new(ErrorCodes.NotFound, "There is no such user.");
}
