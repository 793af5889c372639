using Chat.Contracts;
using Chat.Contracts.Api;
using Chat.Data.Model;
using Chat.Realtime.Auth;
using Chat.Realtime.Outbox;
using Chat.Realtime.Publishing;
using Microsoft.EntityFrameworkCore;

namespace Chat.Realtime.Access;

/// <summary>
/// Changes of membership: each decides in one Postgres transaction together with the outbox row of its event. When somebody loses something the
/// room's access version rises in the same transaction, and the copy of older versions is emptied before anybody is told.
/// </summary>
public sealed class Memberships(
    UnitOfWork work, RoomAccess access, RoomAccessCopy copy, MembershipEvents events, OutboxSender outbox, PublicJoins joins, DirectRooms directRooms,
    Notices notices, TimeProvider time)
{
    /// <summary>Makes the user a member of a public room if it is not one yet (first subscribe or send); null when the room is absent or invisible.</summary>
    public async Task<RoomStanding?> JoinPublicAsync(string roomId, ConnectedUser user, CancellationToken cancellationToken) =>
        await joins.JoinAsync(roomId, user, cancellationToken) ?? await access.GetAsync(roomId, user.UserId, cancellationToken);

    /// <summary>The direct room of two users, created once. Throws <c>not_found</c> for an unknown peer, <c>bad_request</c> for oneself.</summary>
    public Task<RoomStanding> GetOrCreateDirectAsync(ConnectedUser user, string peerId, CancellationToken cancellationToken) =>
        GetOrCreateDirectAsync(user, peerId, access.AskCopyAsync(RoomIds.Direct(user.UserId, peerId), user.UserId), cancellationToken);

    /// <summary>As above, with what <see cref="RoomAccess.AskCopyAsync"/> was asked ahead.</summary>
    internal Task<RoomStanding> GetOrCreateDirectAsync(ConnectedUser user, string peerId, ValueTask<CopiedStanding?> asked, CancellationToken cancellationToken) =>
        directRooms.GetOrCreateAsync(user, peerId, asked, cancellationToken);

    /// <summary>Takes the user out of a room; nothing happens to one who is not in a room that it can see.</summary>
    public async Task LeaveAsync(string roomId, ConnectedUser user, CancellationToken cancellationToken)
    {
        var left = await work.TransactAsync<OutgoingEvent?>(async (db, token) =>
        {
            var room = await RoomTable.LockAsync(db, roomId, token) ?? throw RoomTable.NoRoom();
            var member = await RoomTable.FindMemberAsync(db, roomId, user.UserId, token);
            if (member is null) return room.Kind == RoomKinds.Public ? null : throw RoomTable.NoRoom();
            if (room.Kind == RoomKinds.Direct) throw new ChatException(ErrorCodes.Forbidden, "A direct room cannot be left.");
            return await TakeOutAsync(db, room, member, Subject(user), user.UserId, token);
        }, cancellationToken);
        if (left is not null) await TellLossAsync(left, MembershipEvents.Left);
    }

    /// <summary>Takes another user out: owners everybody, moderators plain members.</summary>
    public async Task RemoveAsync(string roomId, ConnectedUser actor, string userId, CancellationToken cancellationToken)
    {
        if (userId == actor.UserId)
        {
            await LeaveAsync(roomId, actor, cancellationToken);
            return;
        }
        var removed = await work.TransactAsync(async (db, token) =>
        {
            var (room, by) = await RoomTable.LockForMemberAsync(db, roomId, actor.UserId, token);
            if (by.Role is not (Roles.Owner or Roles.Moderator)) throw new ChatException(ErrorCodes.Forbidden, "Owners and moderators remove members.");
            var member = await RoomTable.FindMemberAsync(db, roomId, userId, token) ?? throw new ChatException(ErrorCodes.NotFound, "This user is not in the room.");
            if (by.Role == Roles.Moderator && member.Role != Roles.Member) throw new ChatException(ErrorCodes.Forbidden, "Only owners remove owners and moderators.");
            return await TakeOutAsync(db, room, member, await SubjectAsync(db, userId, token), actor.UserId, token);
        }, cancellationToken);
        await TellLossAsync(removed, MembershipEvents.Removed);
    }

    /// <summary>Adds a user, or sets the role of one who is in already. Owners and moderators add; only owners give roles.</summary>
    public async Task<(Member Member, bool Added)> AddAsync(string roomId, ConnectedUser actor, string userId, string? role, CancellationToken cancellationToken)
    {
        var (result, joined, version, roomName) = await work.TransactAsync(async (db, token) =>
        {
            var (room, by) = await RoomTable.LockForMemberAsync(db, roomId, actor.UserId, token);
            if (by.Role is not (Roles.Owner or Roles.Moderator)) throw new ChatException(ErrorCodes.Forbidden, "Owners and moderators add members.");
            var subject = await SubjectAsync(db, userId, token);
            var member = await RoomTable.FindMemberAsync(db, roomId, userId, token);
            if (by.Role != Roles.Owner && (role ?? Roles.Member) != (member?.Role ?? Roles.Member) && role is not null)
                throw new ChatException(ErrorCodes.Forbidden, "Only owners give roles.");
            if (member is null)
            {
                member = new Membership { RoomId = roomId, UserId = userId, Role = role ?? Roles.Member, JoinedAt = time.GetUtcNow() };
                db.Memberships.Add(member);
                room.MemberCount++;
                var join = events.Change(EventTypes.UserJoin, room, subject, actor.UserId, accessVersion: 0);
                await OutboxTable.AddAsync(db, join, token);
                return (Describe(member, subject), join, 0L, room.Name);
            }
            if (role is null || role == member.Role) return (Describe(member, subject), (OutgoingEvent?)null, 0L, room.Name);
            await RoomTable.KeepAnOwnerAsync(db, room, member, token);
            member.Role = role;
            return (Describe(member, subject), null, ++room.AccessVersion, room.Name);
        }, cancellationToken);
        if (version > 0) await copy.DropAsync(roomId, version);
        if (joined is not null)
        {
            await outbox.SendAsync(joined);
            await notices.InvitationAsync(actor, userId, roomId, roomName, joined.Envelope.EventId!);
        }
        return (result, joined is not null);
    }

    private async Task<OutgoingEvent> TakeOutAsync(
        ChatDb db, Room room, Membership member, KnownUser subject, string actorId, CancellationToken cancellationToken)
    {
        await RoomTable.KeepAnOwnerAsync(db, room, member, cancellationToken);
        db.Memberships.Remove(member);
        room.MemberCount--;
        var leave = events.Change(EventTypes.UserLeave, room, subject, actorId, ++room.AccessVersion);
        await OutboxTable.AddAsync(db, leave, cancellationToken);
        return leave;
    }

    private async Task TellLossAsync(OutgoingEvent leave, string reason)
    {
        var (roomId, userId) = (leave.Envelope.RoomId!, leave.Envelope.SenderId!);
        await copy.DropAsync(roomId, leave.AccessVersion);
        await events.UnsubscribedAsync(userId, roomId, reason);
        await outbox.SendAsync(leave);
    }

    private static KnownUser Subject(ConnectedUser user) => new(user.UserId, user.UserName, user.DisplayName, user.Admin, Disabled: false);

    private static async Task<KnownUser> SubjectAsync(ChatDb db, string userId, CancellationToken cancellationToken) =>
        await db.Users.Where(u => u.UserId == userId).Select(u => new KnownUser(u.UserId, u.UserName, u.DisplayName, u.Admin, u.Disabled))
            .FirstOrDefaultAsync(cancellationToken) ?? throw new ChatException(ErrorCodes.NotFound, "There is no such user.");

    private static Member Describe(Membership member, KnownUser user) =>
        new(member.UserId, user.UserName, user.DisplayName, member.Role, member.JoinedAt);
}
