using Chat.Contracts;
using Chat.Contracts.Api;
using Chat.Data.Model;
using Microsoft.EntityFrameworkCore;

namespace Chat.Realtime.Access;

/// <summary>
/// Who may do what in a room: <see cref="RoomAccessCopy"/> in Redis first, then Postgres. Where one of the two is away the other answers.
/// Outsiders are never in the copy, so a join is seen at once.
/// </summary>
public sealed class RoomAccess(RoomAccessCopy copy, UnitOfWork work, TimeProvider time)
{
    // Postgres is asked again about a copy that was confirmed longer ago, so that a lost invalidation ends by itself.
    private static readonly TimeSpan Confirmed = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(3);

    /// <summary>
    /// The user's standing; null when the room is absent or invisible to the user (private or direct, and not a member).
    /// Throws <see cref="ChatException"/> <c>unavailable</c> when neither Redis nor Postgres can tell.
    /// </summary>
    public async ValueTask<RoomStanding?> GetAsync(string roomId, string userId, CancellationToken cancellationToken)
    {
        var copied = await copy.ReadAsync(roomId, userId);
        if (copied is { } fresh && (time.GetUtcNow() - fresh.ConfirmedAt < Confirmed || work.IsAway)) return fresh.Standing;
        RoomStanding? standing;
        try
        {
            standing = await work.TryRunAsync((db, token) => ReadAsync(db, roomId, userId, token), Patience, cancellationToken);
        }
        catch (ChatException e) when (e.Code == ErrorCodes.Unavailable && copied is not null)
        {
            return copied.Value.Standing;
        }
        if (standing is { IsMember: true }) await copy.WriteAsync(standing, userId);
        else if (copied is not null) await copy.DropAsync(roomId, standing?.AccessVersion ?? copied.Value.Standing.AccessVersion + 1); // deleted: one loss more
        return IsVisible(standing) ? standing : null;
    }

    /// <summary>As <see cref="GetAsync"/>, but of many users of one room at once and straight from Postgres: those of <paramref name="userIds"/> who may receive its events.</summary>
    public async Task<IReadOnlySet<string>> WhoMayReceiveAsync(string roomId, IReadOnlyCollection<string> userIds, CancellationToken cancellationToken)
    {
        var asked = userIds.ToArray();
        return await work.RunAsync((db, token) => (
            from member in db.Memberships
            join room in db.Rooms on member.RoomId equals room.RoomId
            where member.RoomId == roomId && asked.Contains(member.UserId) && room.DeletedAt == null
            select member.UserId).ToHashSetAsync(token), cancellationToken);
    }

    /// <summary>The standing as Postgres has it, of outsiders of invisible rooms too; null when the room is absent or deleted.</summary>
    internal static async Task<RoomStanding?> ReadAsync(ChatDb db, string roomId, string userId, CancellationToken cancellationToken)
    {
        var row = await (
            from room in db.Rooms
            where room.RoomId == roomId && room.DeletedAt == null
            select new
            {
                room.Kind,
                room.AccessVersion,
                room.CreatedEpoch,
                Role = db.Memberships.Where(m => m.RoomId == roomId && m.UserId == userId).Select(m => m.Role).FirstOrDefault(),
                Participants = room.Kind == RoomKinds.Direct
                    ? db.Memberships.Where(m => m.RoomId == roomId).OrderBy(m => m.UserId).Select(m => m.UserId).ToList()
                    : null,
            }).AsNoTracking().FirstOrDefaultAsync(cancellationToken);
        return row is null ? null : new RoomStanding(roomId, row.Kind, row.Role, row.AccessVersion, row.CreatedEpoch, row.Participants);
    }

    internal static bool IsVisible(RoomStanding? standing) => standing is { IsMember: true } or { Kind: RoomKinds.Public };
}
