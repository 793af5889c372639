using Chat.Contracts;
using Chat.Contracts.Api;
using Chat.Data;
using Chat.Data.Model;
using Chat.Realtime.Auth;
using Microsoft.EntityFrameworkCore;

namespace Chat.Realtime.Access;

/// <summary>What a member wants to be notified of in a room. It belongs to the membership and ends with it.</summary>
public sealed class NotifyChoice
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(1);

    private readonly UnitOfWork _work;
    private readonly RoomAccess _access;
    private readonly SharedQueries<(string RoomId, string UserId), string> _reads;

    public NotifyChoice(UnitOfWork work, RoomAccess access)
    {
        (_work, _access) = (work, access);
        // Each direct message asks: one query at a time, for all of them that wait.
        _reads = new(asked => work.TryRunAsync((db, token) => ReadAsync(db, asked, token), Patience, CancellationToken.None));
    }

    /// <summary>The level of a member; null for who is none. Throws <see cref="ChatException"/> <c>unavailable</c> while Postgres is away, after a moment.</summary>
    public Task<string?> LevelAsync(string roomId, string userId, CancellationToken cancellationToken) => _reads.FindAsync((roomId, userId), cancellationToken);

    /// <summary>Throws <c>bad_request</c> for an unknown level, <c>not_found</c> or <c>forbidden</c> for those who are not in the room.</summary>
    public async Task SetAsync(string roomId, ConnectedUser user, string? level, CancellationToken cancellationToken)
    {
        if (!NotifyLevels.IsValid(level)) throw new ChatException(ErrorCodes.BadRequest, "level must be all, mentions or none.");
        var changed = await _work.RunAsync((db, token) => db.Memberships
            .Where(m => m.RoomId == roomId && m.UserId == user.UserId && db.Rooms.Any(r => r.RoomId == roomId && r.DeletedAt == null))
            .ExecuteUpdateAsync(set => set.SetProperty(m => m.Notify, level!), token), cancellationToken);
        if (changed > 0) return;
        throw await _access.GetAsync(roomId, user.UserId, cancellationToken) is null
            ? RoomTable.NoRoom()
            : new ChatException(ErrorCodes.Forbidden, "Only members are notified of a room.");
    }

    private static async Task<IReadOnlyDictionary<(string, string), string>> ReadAsync(
        ChatDb db, IReadOnlyCollection<(string RoomId, string UserId)> asked, CancellationToken cancellationToken)
    {
        var (rooms, users) = (asked.Select(one => one.RoomId).ToArray(), asked.Select(one => one.UserId).ToArray());
        var rows = await db.Database.SqlQuery<Row>(
            $"""
            select member.room_id as "RoomId", member.user_id as "UserId", member.notify as "Level"
            from unnest({rooms}, {users}) as asked (room_id, user_id) join members member on member.room_id = asked.room_id and member.user_id = asked.user_id
            """).ToListAsync(cancellationToken);
        return rows.ToDictionary(row => (row.RoomId, row.UserId), row => row.Level);
    }

    private sealed record Row(string RoomId, string UserId, string Level);
}
