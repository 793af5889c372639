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
/// who comes while others are being let in is let in with the next statement, which makes the members, the count and the outbox rows of all who wait for that room.
/// </summary>
public sealed class PublicJoins(UnitOfWork work, MembershipEvents events, OutboxSender outbox)
{
    private readonly Lock _gate = new();
    private readonly Dictionary<string, Entrance> _entrances = []; // as long as somebody stands there

    /// <summary>The standing of who is a member now, after its event was sent if it was none before. Null when there is no such public room.</summary>
    public async Task<RoomStanding?> JoinAsync(string roomId, ConnectedUser user, CancellationToken cancellationToken)
    {
        Entrance? entrance;
        lock (_gate)
        {
            if (!_entrances.TryGetValue(roomId, out entrance)) _entrances.Add(roomId, entrance = new(joiners => JoinAsync(roomId, joiners)));
            entrance.Waiting++;
        }
        try
        {
            return await entrance.Joins.FindAsync(new Joiner(user), cancellationToken);
        }
        finally
        {
            lock (_gate)
            {
                if (--entrance.Waiting == 0) _entrances.Remove(roomId);
            }
        }
    }

    // The events are sent before the next statement begins: who comes so fast that the log cannot follow waits here.
    private async Task<IReadOnlyDictionary<Joiner, RoomStanding>> JoinAsync(string roomId, IReadOnlyCollection<Joiner> joiners)
    {
        var asked = joiners.Select(joiner => (Joiner: joiner, Event: EventOf(roomId, joiner.User))).ToArray();
        var (users, ids) = (Array.ConvertAll(asked, one => one.Joiner.User.UserId), Array.ConvertAll(asked, one => Guid.Parse(one.Event.Envelope.EventId!)));
        var envelopes = Array.ConvertAll(asked, one => OutboxTable.Encode(one.Event.Envelope));
        var rows = await work.RunAsync((db, token) => db.Database.SqlQuery<Row>(
            $"""
            with asked as (
                select asked.* from unnest({users}, {ids}, {envelopes}) with ordinality as asked (user_id, event_id, envelope, number) join users using (user_id)),
            room as (
                select room_id, access_version, created_epoch from rooms
                where room_id = {roomId} and kind = {RoomKinds.Public} and deleted_at is null for no key update),
            joined as (
                insert into members (room_id, user_id, role, joined_at) select room_id, user_id, {Roles.Member}, now() from asked, room
                on conflict do nothing returning room_id, user_id),
            counted as (
                update rooms set member_count = member_count + new.members
                from (select room_id, count(*) as members from joined group by room_id) as new where rooms.room_id = new.room_id),
            told as (
                insert into outbox (event_id, room_id, envelope, access_version, created_epoch, created_at, claimed_until)
                select event_id, room_id, envelope, 0, created_epoch, now(), now() + {OutboxTable.Claim}
                from joined join asked using (user_id) join room using (room_id))
            select asked.number::int - 1 as "Index", room.access_version as "AccessVersion", room.created_epoch as "CreatedEpoch",
                joined.user_id is not null as "Joined", coalesce(member.role, {Roles.Member}) as "Role"
            from asked cross join room left join joined using (room_id, user_id) left join members member using (room_id, user_id)
            """).ToListAsync(token), CancellationToken.None); // whoever gives up, others wait for the same statement
        await Task.WhenAll(rows.Where(row => row.Joined).Select(row => outbox.SendAsync(asked[row.Index].Event with { CreatedEpoch = row.CreatedEpoch })));
        return rows.ToDictionary(
            row => asked[row.Index].Joiner, row => new RoomStanding(roomId, RoomKinds.Public, row.Role, row.AccessVersion, row.CreatedEpoch, null));
    }

    private OutgoingEvent EventOf(string roomId, ConnectedUser user)
    {
        var subject = new KnownUser(user.UserId, user.UserName, user.DisplayName, user.Admin, Disabled: false);
        return events.Change(EventTypes.UserJoin, roomId, createdEpoch: 0, subject, user.UserId, accessVersion: 0);
    }

    private sealed class Entrance(Func<IReadOnlyCollection<Joiner>, Task<IReadOnlyDictionary<Joiner, RoomStanding>>> join)
    {
        public SharedQueries<Joiner, RoomStanding> Joins { get; } = new(join);

        public int Waiting { get; set; }
    }

    /// <summary>Two connections of one user join together.</summary>
    private sealed record Joiner(ConnectedUser User)
    {
        public bool Equals(Joiner? other) => User.UserId == other?.User.UserId;

        public override int GetHashCode() => User.UserId.GetHashCode(StringComparison.Ordinal);
    }

    private sealed record Row(int Index, long AccessVersion, int CreatedEpoch, bool Joined, string Role);
}
