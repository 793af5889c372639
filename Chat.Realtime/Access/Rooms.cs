using Chat.Contracts;
using Chat.Contracts.Api;
using Chat.Data.Model;
using Chat.Realtime.Auth;
using Microsoft.EntityFrameworkCore;
using Npgsql;

namespace Chat.Realtime.Access;

/// <summary>
/// Rooms themselves: made, changed, deleted. An id is given out once for ever: a deleted room keeps its row. A deleted room is gone for everybody at
/// once, by its row; its members follow in batches.
/// </summary>
public sealed class Rooms(UnitOfWork work, RoomAccessCopy copy, MembershipEvents events, TimeProvider time)
{
    private const int DeleteBatch = 500;

    /// <summary>Makes a room whose owner is the caller; <c>conflict</c> when the id was given out before.</summary>
    public Task<RoomSummary> CreateAsync(ConnectedUser owner, CreateRoomRequest request, CancellationToken cancellationToken)
    {
        var (roomId, name, topic, kind) = (RoomRules.NewId(request.RoomId), RoomRules.Name(request.Name), RoomRules.Topic(request.Topic), RoomRules.Kind(request.Kind));
        return work.TransactAsync(async (db, token) =>
        {
            if (await db.Rooms.AnyAsync(r => r.RoomId == roomId, token)) throw Taken(roomId);
            var now = time.GetUtcNow();
            db.Rooms.Add(new Room
            {
                RoomId = roomId,
                Name = name,
                Topic = topic,
                Kind = kind,
                CreatedBy = owner.UserId,
                CreatedAt = now,
                CreatedEpoch = await RoomTable.CurrentEpochAsync(db, token),
                MemberCount = 1,
            });
            db.Memberships.Add(new Membership { RoomId = roomId, UserId = owner.UserId, Role = Roles.Owner, JoinedAt = now });
            try
            {
                await db.SaveChangesAsync(token);
            }
            catch (DbUpdateException e) when (e.InnerException is PostgresException { SqlState: PostgresErrorCodes.UniqueViolation })
            {
                throw Taken(roomId);
            }
            return new RoomSummary
            {
                RoomId = roomId,
                Name = name,
                Topic = topic,
                Kind = kind,
                Role = Roles.Owner,
                HeadSeq = 0,
                ReadSeq = 0,
                Unread = 0,
                Mentions = 0,
                Notify = NotifyLevels.All,
                MemberCount = 1,
            };
        }, cancellationToken);
    }

    /// <summary>Changes what is given, by an owner or moderator, and tells the room.</summary>
    public async Task ChangeAsync(string roomId, ConnectedUser by, RoomChange change, CancellationToken cancellationToken)
    {
        var (room, kindChanged) = await work.TransactAsync(async (db, token) =>
        {
            var (found, actor) = await RoomTable.LockForMemberAsync(db, roomId, by.UserId, token);
            if (actor.Role is not (Roles.Owner or Roles.Moderator)) throw new ChatException(ErrorCodes.Forbidden, "Owners and moderators change a room.");
            if (change.Name is { } name) found.Name = RoomRules.Name(name);
            if (change.Topic is { } topic) found.Topic = RoomRules.Topic(topic);
            if (change.Kind is not { } kind || RoomRules.Kind(kind) == found.Kind) return (found, false);
            found.Kind = kind;
            found.AccessVersion++; // outsiders lose a room that becomes private
            return (found, true);
        }, cancellationToken);
        if (kindChanged) await copy.DropAsync(roomId, room.AccessVersion);
        await events.UpdatedAsync(room, by);
    }

    /// <summary>Deletes the room, by an owner, and tells its members.</summary>
    public async Task DeleteAsync(string roomId, ConnectedUser by, CancellationToken cancellationToken)
    {
        var version = await work.TransactAsync(async (db, token) =>
        {
            var (room, actor) = await RoomTable.LockForMemberAsync(db, roomId, by.UserId, token);
            if (actor.Role is not Roles.Owner) throw new ChatException(ErrorCodes.Forbidden, "Only owners delete a room.");
            room.DeletedAt = time.GetUtcNow();
            return ++room.AccessVersion;
        }, cancellationToken);
        await copy.DropAsync(roomId, version);
        await EmptyAsync(roomId, cancellationToken);
    }

    /// <summary>Takes the members out of a deleted room, a batch at a time, and ends their subscriptions. May be repeated where it was cut short.</summary>
    public async Task EmptyAsync(string roomId, CancellationToken cancellationToken)
    {
        while (true)
        {
            var members = await work.RunAsync((db, token) => db.Database.SqlQuery<string>(
                $"""
                delete from members where (room_id, user_id) in (
                    select room_id, user_id from members where room_id = {roomId} limit {DeleteBatch} for update skip locked)
                returning user_id as "Value"
                """).ToListAsync(token), cancellationToken);
            foreach (var userId in members) await events.UnsubscribedAsync(userId, roomId, MembershipEvents.Deleted);
            if (members.Count < DeleteBatch) return;
        }
    }

    private static ChatException Taken(string roomId) => new(ErrorCodes.Conflict, $"The room id {roomId} is taken.");
}
