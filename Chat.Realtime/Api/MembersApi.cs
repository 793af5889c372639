using Chat.Contracts;
using Chat.Contracts.Api;
using Chat.Realtime.Access;
using Chat.Realtime.Auth;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Chat.Realtime.Api;

/// <summary>Who is in a room.</summary>
internal static class MembersApi
{
    public static void MapMembers(this IEndpointRouteBuilder api)
    {
        var room = api.MapGroup("/rooms/{roomId}").WithTags("Members");
        room.MapPost("/join", JoinAsync).WithName("JoinRoom").WithSummary("Become a member of a public room");
        room.MapPost("/leave", LeaveAsync).WithName("LeaveRoom").WithSummary("Leave a room; the last owner stays while others are in");
        room.MapGet("/members", ListAsync).WithName("GetMembers").WithSummary("Members in the order of their ids");
        room.MapPost("/members", AddAsync).WithName("AddMember").WithSummary("Add a user, or set the role of a member (owner, moderator)");
        room.MapDelete("/members/{userId}", RemoveAsync).WithName("RemoveMember").WithSummary("Take a user out (owner, moderator)");
    }

    private static async Task<Ok<RoomSummary>> JoinAsync(
        string roomId, ConnectedUser user, Memberships memberships, RoomList rooms, CancellationToken cancellationToken)
    {
        if (await memberships.JoinPublicAsync(roomId, user, cancellationToken) is null) throw RoomTable.NoRoom();
        return TypedResults.Ok(await RoomsApi.FindAsync(roomId, user, rooms, cancellationToken));
    }

    private static async Task<NoContent> LeaveAsync(string roomId, ConnectedUser user, Memberships memberships, CancellationToken cancellationToken)
    {
        await memberships.LeaveAsync(roomId, user, cancellationToken);
        return TypedResults.NoContent();
    }

    private static async Task<Ok<IReadOnlyList<Member>>> ListAsync(
        string roomId, int? limit, string? after,
        ConnectedUser user, RoomAccess access, RoomList rooms, HttpContext context, CancellationToken cancellationToken)
    {
        if (await access.GetAsync(roomId, user.UserId, cancellationToken) is null) throw RoomTable.NoRoom();
        var size = Paging.Limit(limit);
        var members = await rooms.MembersAsync(roomId, Paging.Place(after), size, cancellationToken);
        return TypedResults.Ok(Paging.Page(context, members, size, m => m.UserId));
    }

    private static async Task<Results<Created<Member>, Ok<Member>>> AddAsync(
        string roomId, AddMemberRequest request, ConnectedUser user, Memberships memberships, CancellationToken cancellationToken)
    {
        if (!UserNames.IsValidUserId(request.UserId)) throw new ChatException(ErrorCodes.BadRequest, "user_id is needed.");
        if (request.Role is not null && !Roles.IsValid(request.Role)) throw new ChatException(ErrorCodes.BadRequest, "role must be owner, moderator or member.");
        var (member, added) = await memberships.AddAsync(roomId, user, request.UserId!, request.Role, cancellationToken);
        return added ? TypedResults.Created($"/api/rooms/{roomId}/members", member) : TypedResults.Ok(member);
    }

    private static async Task<NoContent> RemoveAsync(
        string roomId, string userId, ConnectedUser user, Memberships memberships, CancellationToken cancellationToken)
    {
        await memberships.RemoveAsync(roomId, user, userId, cancellationToken);
        return TypedResults.NoContent();
    }
}
