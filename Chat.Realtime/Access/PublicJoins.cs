using Chat.Contracts;
using Chat.Contracts.Api;
using Chat.Data.Model;
using Chat.Realtime.Auth;
using Chat.Realtime.Outbox;
using Chat.Realtime.Publishing;
using Microsoft.EntityFrameworkCore;

namespace Chat.Realtime.Access;

/// <summary>
/// Joining a public room, which the first subscribe or send does by itself: member, count and outbox row in one statement, so that thousands who
/// enter a room at once hold its row for one round trip each.
/// </summary>
public sealed class PublicJoins(UnitOfWork work, MembershipEvents events)
{
    /// <summary>The standing and, when the user was not a member before, the event to send. Null standing when there is no such public room.</summary>
    public async Task<(RoomStanding? Standing, OutgoingEvent? Joined)> JoinAsync(string roomId, ConnectedUser user, CancellationToken cancellationToken)
    {
        var subject = new KnownUser(user.UserId, user.UserName, user.DisplayName, user.Admin, Disabled: false);
        var join = events.Change(EventTypes.UserJoin, roomId, createdEpoch: 0, subject, user.UserId, accessVersion: 0);
        var eventId = Guid.Parse(join.Envelope.EventId!);
        var envelope = OutboxTable.Encode(join.Envelope);
        var rows = await work.RunAsync((db, token) => db.Database.SqlQuery<Row>(
            $"""
            with room as (
                select room_id, access_version, created_epoch from rooms
                where room_id = {roomId} and kind = {RoomKinds.Public} and deleted_at is null for no key update),
            joined as (
                insert into members (room_id, user_id, role, joined_at) select room_id, {user.UserId}, {Roles.Member}, now() from room
                on conflict do nothing returning room_id),
            counted as (
                update rooms set member_count = member_count + 1 where room_id in (select room_id from joined)),
            told as (
                insert into outbox (event_id, room_id, envelope, access_version, created_epoch, created_at, claimed_until)
                select {eventId}, room_id, {envelope}, 0, (select created_epoch from room), now(), now() + {OutboxTable.Claim} from joined)
            select room.access_version as "AccessVersion", room.created_epoch as "CreatedEpoch", exists (select from joined) as "Joined",
                coalesce((select role from members where room_id = {roomId} and user_id = {user.UserId}), {Roles.Member}) as "Role"
            from room
            """).ToListAsync(token), cancellationToken);
        if (rows is not [var row]) return (null, null);
        var standing = new RoomStanding(roomId, RoomKinds.Public, row.Role, row.AccessVersion, row.CreatedEpoch, null);
        return (standing, row.Joined ? join with { CreatedEpoch = row.CreatedEpoch } : null);
    }

    private sealed record Row(long AccessVersion, int CreatedEpoch, bool Joined, string Role);
}
