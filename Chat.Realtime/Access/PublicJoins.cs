using Chat.Contracts;
using Chat.Contracts.Api;
using Chat.Data;
using Chat.Data.Model;
using Chat.Realtime.Auth;
using Chat.Realtime.Outbox;
using Chat.Realtime.Publishing;
using Microsoft.EntityFrameworkCore;

namespace Chat.Realtime.Access;

/// <summary>
/// Joining a public room, which the first subscribe or send does by itself. Thousands may enter a room at once, and its row is held by one transaction at a time:
/// who comes while others are being let in is let in with the next statement, which makes members, counts and outbox rows of all who wait.
/// </summary>
public sealed class PublicJoins
{
    private readonly UnitOfWork _work;
    private readonly MembershipEvents _events;
    private readonly OutboxSender _outbox;
    private readonly SharedReads<Joiner, Joined> _joins;

    public PublicJoins(UnitOfWork work, MembershipEvents events, OutboxSender outbox)
    {
        (_work, _events, _outbox) = (work, events, outbox);
        // Without the token of one who waits: others wait for the same statement.
        _joins = new(joiners => JoinAsync(joiners, CancellationToken.None));
    }

    /// <summary>The standing of who is a member now, after its event was sent if it was none before. Null when there is no such public room.</summary>
    public async Task<RoomStanding?> JoinAsync(string roomId, ConnectedUser user, CancellationToken cancellationToken)
    {
        if (await _joins.FindAsync(new Joiner(roomId, user), cancellationToken) is not { } joined) return null;
        await joined.Told.WaitAsync(cancellationToken);
        return joined.Standing;
    }

    private async Task<IReadOnlyDictionary<Joiner, Joined>> JoinAsync(IReadOnlyCollection<Joiner> joiners, CancellationToken cancellationToken)
    {
        var asked = joiners.Select(joiner => (Joiner: joiner, Event: EventOf(joiner))).ToArray();
        var (rooms, users) = (Array.ConvertAll(asked, one => one.Joiner.RoomId), Array.ConvertAll(asked, one => one.Joiner.User.UserId));
        var (ids, envelopes) = (Array.ConvertAll(asked, one => Guid.Parse(one.Event.Envelope.EventId!)), Array.ConvertAll(asked, one => OutboxTable.Encode(one.Event.Envelope)));
        // Locked in the order of their names: another node's statement may hold some of the same rooms.
        var rows = await _work.RunAsync((db, token) => db.Database.SqlQuery<Row>(
            $"""
            with asked as (
                select * from unnest({rooms}, {users}, {ids}, {envelopes}) with ordinality as asked (room_id, user_id, event_id, envelope, number)),
            room as (
                select room_id, access_version, created_epoch from rooms
                where room_id = any({rooms}) and kind = {RoomKinds.Public} and deleted_at is null order by room_id for no key update),
            joined as (
                insert into members (room_id, user_id, role, joined_at) select room_id, user_id, {Roles.Member}, now() from asked join room using (room_id)
                on conflict do nothing returning room_id, user_id),
            counted as (
                update rooms set member_count = member_count + new.members
                from (select room_id, count(*) as members from joined group by room_id) as new where rooms.room_id = new.room_id),
            told as (
                insert into outbox (event_id, room_id, envelope, access_version, created_epoch, created_at, claimed_until)
                select event_id, room_id, envelope, 0, created_epoch, now(), now() + {OutboxTable.Claim}
                from joined join asked using (room_id, user_id) join room using (room_id))
            select asked.number::int - 1 as "Index", room.access_version as "AccessVersion", room.created_epoch as "CreatedEpoch",
                joined.user_id is not null as "Joined", coalesce(member.role, {Roles.Member}) as "Role"
            from asked join room using (room_id) left join joined using (room_id, user_id) left join members member using (room_id, user_id)
            """).ToListAsync(token), cancellationToken);
        return rows.ToDictionary(row => asked[row.Index].Joiner, row =>
        {
            var (joiner, joined) = asked[row.Index];
            var standing = new RoomStanding(joiner.RoomId, RoomKinds.Public, row.Role, row.AccessVersion, row.CreatedEpoch, null);
            return new Joined(standing, row.Joined ? _outbox.SendAsync(joined with { CreatedEpoch = row.CreatedEpoch }) : Task.CompletedTask);
        });
    }

    private OutgoingEvent EventOf(Joiner joiner)
    {
        var (roomId, user) = (joiner.RoomId, joiner.User);
        var subject = new KnownUser(user.UserId, user.UserName, user.DisplayName, user.Admin, Disabled: false);
        return _events.Change(EventTypes.UserJoin, roomId, createdEpoch: 0, subject, user.UserId, accessVersion: 0);
    }

    /// <summary>Two connections of one user join together.</summary>
    private sealed record Joiner(string RoomId, ConnectedUser User)
    {
        public bool Equals(Joiner? other) => other is not null && (RoomId, User.UserId) == (other.RoomId, other.User.UserId);

        public override int GetHashCode() => HashCode.Combine(RoomId, User.UserId);
    }

    /// <param name="Standing">Of who is a member now.</param>
    /// <param name="Told">Completes when the event was sent or took too long to wait for; never fails.</param>
    private sealed record Joined(RoomStanding Standing, Task Told);

    private sealed record Row(int Index, long AccessVersion, int CreatedEpoch, bool Joined, string Role);
}
