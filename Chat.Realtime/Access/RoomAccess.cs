using Chat.Contracts;
using Chat.Contracts.Api;
using Chat.Data;
using Chat.Data.Model;
using Chat.Realtime.Transport;
using Microsoft.EntityFrameworkCore;

namespace Chat.Realtime.Access;

/// <summary>
/// Who may do what in a room: <see cref="RoomAccessCopy"/> in Redis first, then Postgres. Where one of the two is away the other answers.
/// Outsiders are never in the copy, so a join is seen at once.
/// </summary>
public sealed class RoomAccess
{
    // Postgres is asked again about a copy that was confirmed longer ago, so that a lost invalidation ends by itself.
    private static readonly TimeSpan Confirmed = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(3);

    private readonly RoomAccessCopy _copy;
    private readonly UnitOfWork _work;
    private readonly TimeProvider _time;
    private readonly SharedQueries<(string RoomId, string UserId), RoomStanding> _reads;
    private readonly SharedQueries<RoomUsers, HashSet<string>> _receivers;

    public RoomAccess(RoomAccessCopy copy, UnitOfWork work, TimeProvider time)
    {
        (_copy, _work, _time) = (copy, work, time);
        _reads = new(asked => work.TryRunAsync((db, token) => ReadAsync(db, asked, token), Patience, CancellationToken.None));
        _receivers = new(asked => work.RunAsync((db, token) => ReadReceiversAsync(db, asked, token), CancellationToken.None));
    }

    /// <summary>
    /// The user's standing; null when the room is absent or invisible to the user (private or direct, and not a member).
    /// Throws <see cref="ChatException"/> <c>unavailable</c> when neither Redis nor Postgres can tell.
    /// </summary>
    public ValueTask<RoomStanding?> GetAsync(string roomId, string userId, CancellationToken cancellationToken) =>
        GetAsync(roomId, userId, AskCopyAwayAsync(roomId, userId), cancellationToken);

    /// <summary>Asks the copy ahead, for whoever has other questions to Redis that go out with it. What follows the answer may run on the event loop.</summary>
    internal ValueTask<CopiedStanding?> AskCopyAsync(string roomId, string userId) => _copy.ReadAsync(roomId, userId);

    /// <summary>Whether what the copy says needs no question to Postgres.</summary>
    internal bool IsConfirmed(CopiedStanding? copied) => copied is { } known && _time.GetUtcNow() - known.ConfirmedAt < Confirmed;

    /// <summary>Asks the copy; what follows runs on the pool, and may take long.</summary>
    internal async ValueTask<CopiedStanding?> AskCopyAwayAsync(string roomId, string userId)
    {
        var copied = await _copy.ReadAsync(roomId, userId);
        await EventLoop.LeaveAsync();
        return copied;
    }

    /// <summary>As above, where the copy was asked already.</summary>
    internal async ValueTask<RoomStanding?> GetAsync(string roomId, string userId, ValueTask<CopiedStanding?> asked, CancellationToken cancellationToken)
    {
        var copied = await asked;
        if (copied is { } known && (IsConfirmed(known) || _work.IsAway)) return known.Standing;
        RoomStanding? standing;
        try
        {
            standing = await _reads.FindAsync((roomId, userId), cancellationToken);
        }
        catch (ChatException e) when (e.Code == ErrorCodes.Unavailable && copied is not null)
        {
            return copied.Value.Standing;
        }
        if (standing is { IsMember: true }) await _copy.WriteAsync(standing, userId);
        else if (copied is not null) await _copy.DropAsync(roomId, standing?.AccessVersion ?? copied.Value.Standing.AccessVersion + 1); // deleted: one loss more
        return IsVisible(standing) ? standing : null;
    }

    /// <summary>
    /// As <see cref="GetAsync"/>, but of many users of one room at once and straight from Postgres: those of <paramref name="userIds"/> who may receive its events.
    /// With a new epoch all rooms ask at once, and share queries.
    /// </summary>
    public async Task<IReadOnlySet<string>> WhoMayReceiveAsync(string roomId, IReadOnlyCollection<string> userIds, CancellationToken cancellationToken) =>
        await _receivers.FindAsync(new RoomUsers(roomId, userIds), cancellationToken) ?? new HashSet<string>();

    private static async Task<IReadOnlyDictionary<RoomUsers, HashSet<string>>> ReadReceiversAsync(
        ChatDb db, IReadOnlyCollection<RoomUsers> asked, CancellationToken cancellationToken)
    {
        var all = asked.ToArray();
        var members = await db.Database.SqlQuery<Receiver>(
            $"""
            select asked.number as "Number", member.user_id as "UserId"
            from unnest({all.SelectMany((one, number) => Enumerable.Repeat(number, one.UserIds.Count)).ToArray()},
                    {all.SelectMany(one => Enumerable.Repeat(one.RoomId, one.UserIds.Count)).ToArray()},
                    {all.SelectMany(one => one.UserIds).ToArray()}) as asked (number, room_id, user_id)
                join members member on member.room_id = asked.room_id and member.user_id = asked.user_id
                join rooms room on room.room_id = asked.room_id and room.deleted_at is null
            """).ToListAsync(cancellationToken);
        return members.GroupBy(member => member.Number).ToDictionary(of => all[of.Key], of => of.Select(member => member.UserId).ToHashSet());
    }

    /// <summary>The standing as Postgres has it, of outsiders of invisible rooms too; null when the room is absent or deleted.</summary>
    internal static async Task<RoomStanding?> ReadAsync(ChatDb db, string roomId, string userId, CancellationToken cancellationToken) =>
        (await ReadAsync(db, [(roomId, userId)], cancellationToken)).GetValueOrDefault((roomId, userId));

    private static async Task<IReadOnlyDictionary<(string, string), RoomStanding>> ReadAsync(
        ChatDb db, IReadOnlyCollection<(string RoomId, string UserId)> asked, CancellationToken cancellationToken)
    {
        var (rooms, users) = (asked.Select(one => one.RoomId).ToArray(), asked.Select(one => one.UserId).ToArray());
        var rows = await db.Database.SqlQuery<Row>(
            $"""
            select room.room_id as "RoomId", asked.user_id as "UserId", room.kind as "Kind", room.access_version as "AccessVersion", room.created_epoch as "CreatedEpoch",
                member.role as "Role",
                case when room.kind = {RoomKinds.Direct} then array(select user_id from members where room_id = room.room_id order by user_id) end as "Participants"
            from unnest({rooms}, {users}) as asked (room_id, user_id)
                join rooms room on room.room_id = asked.room_id and room.deleted_at is null
                left join members member on member.room_id = room.room_id and member.user_id = asked.user_id
            """).ToListAsync(cancellationToken);
        return rows.ToDictionary(
            row => (row.RoomId, row.UserId), row => new RoomStanding(row.RoomId, row.Kind, row.Role, row.AccessVersion, row.CreatedEpoch, row.Participants));
    }

    private sealed record Row(string RoomId, string UserId, string Kind, long AccessVersion, int CreatedEpoch, string? Role, string[]? Participants);

    private sealed record Receiver(int Number, string UserId);

    /// <summary>A question of its own, equal to no other.</summary>
    private sealed class RoomUsers(string roomId, IReadOnlyCollection<string> userIds)
    {
        public string RoomId => roomId;
        public IReadOnlyCollection<string> UserIds => userIds;
    }

    internal static bool IsVisible(RoomStanding? standing) => standing is { IsMember: true } or { Kind: RoomKinds.Public };
}
