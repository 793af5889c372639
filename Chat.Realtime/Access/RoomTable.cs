using Chat.Contracts;
using Chat.Contracts.Api;
using Chat.Data.Model;
using Microsoft.EntityFrameworkCore;

namespace Chat.Realtime.Access;

/// <summary>Reads of rooms and members inside a deciding transaction.</summary>
internal static class RoomTable
{
    /// <summary>The room, locked until the transaction ends: decisions about one room's members are made one after another. Null when absent or deleted.</summary>
    public static Task<Room?> LockAsync(ChatDb db, string roomId, CancellationToken cancellationToken) =>
        db.Rooms.FromSql($"select * from rooms where room_id = {roomId} and deleted_at is null for no key update").SingleOrDefaultAsync(cancellationToken);

    public static Task<Membership?> FindMemberAsync(ChatDb db, string roomId, string userId, CancellationToken cancellationToken) =>
        db.Memberships.FirstOrDefaultAsync(m => m.RoomId == roomId && m.UserId == userId, cancellationToken);

    /// <summary>The room and its member <paramref name="userId"/>, locked; <c>not_found</c> when the room is absent or the user must not see it, <c>forbidden</c> for other outsiders and direct rooms.</summary>
    public static async Task<(Room Room, Membership Actor)> LockForMemberAsync(ChatDb db, string roomId, string userId, CancellationToken cancellationToken)
    {
        var room = await LockAsync(db, roomId, cancellationToken) ?? throw NoRoom();
        var actor = await FindMemberAsync(db, roomId, userId, cancellationToken);
        if (actor is null) throw room.Kind == RoomKinds.Public ? new ChatException(ErrorCodes.Forbidden, "Only members may do this.") : NoRoom();
        if (room.Kind == RoomKinds.Direct) throw new ChatException(ErrorCodes.Forbidden, "A direct room cannot be changed.");
        return (room, actor);
    }

    /// <summary>Refuses what would leave a room with members but without an owner.</summary>
    public static async Task KeepAnOwnerAsync(ChatDb db, Room room, Membership leaving, CancellationToken cancellationToken)
    {
        if (leaving.Role != Roles.Owner || room.MemberCount <= 1) return;
        if (!await db.Memberships.AnyAsync(m => m.RoomId == room.RoomId && m.UserId != leaving.UserId && m.Role == Roles.Owner, cancellationToken))
            throw new ChatException(ErrorCodes.Conflict, "The last owner stays while others are in the room: make another member an owner first.");
    }

    /// <summary>Epoch in which a room that is made now belongs; 0 before the first takeover.</summary>
    public static async Task<int> CurrentEpochAsync(ChatDb db, CancellationToken cancellationToken) =>
        // -1 stands there while the first takeover is under way.
        Math.Max(0, await db.Numbering.Where(n => n.Shard == 0).Select(n => n.CurrentEpoch).FirstOrDefaultAsync(cancellationToken));

    public static ChatException NoRoom() => new(ErrorCodes.NotFound, "There is no such room.");
}
