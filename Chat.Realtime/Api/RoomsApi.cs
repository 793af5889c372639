using Chat.Contracts;
using Chat.Contracts.Api;
using Chat.Realtime.Access;
using Chat.Realtime.Auth;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Chat.Realtime.Api;

/// <summary>Rooms: mine, public ones, and one.</summary>
internal static class RoomsApi
{
    private const int MaxOwnRooms = 1_000;

    public static void MapRooms(this IEndpointRouteBuilder api)
    {
        var rooms = api.MapGroup("/rooms").WithTags("Rooms");
        rooms.MapGet("", ListAsync).WithName("GetRooms").WithSummary("The caller's rooms, newest activity first; with public=true the public ones");
        rooms.MapPost("", CreateAsync).WithName("CreateRoom").WithSummary("Make a room and own it");
        rooms.MapPost("/direct", DirectAsync).WithName("GetDirectRoom").WithSummary("The direct room with another user, made when there is none");
        rooms.MapGet("/{roomId}", GetAsync).WithName("GetRoom").WithSummary("One room");
        rooms.MapPut("/{roomId}/notify", NotifyAsync).WithName("SetNotify").WithSummary("Choose what the caller is notified of: all, mentions or none");
        rooms.MapPatch("/{roomId}", ChangeAsync).WithName("ChangeRoom").WithSummary("Change name, topic or kind (owner, moderator)");
        rooms.MapDelete("/{roomId}", DeleteAsync).WithName("DeleteRoom").WithSummary("Delete a room (owner)");
    }

    private static async Task<Ok<IReadOnlyList<RoomSummary>>> ListAsync(
        bool? @public, string? q, int? limit, string? after,
        ConnectedUser user, RoomList rooms, HttpContext context, CancellationToken cancellationToken)
    {
        if (@public is not true)
        {
            // A client shows its rooms all at once: only who is in very many gets them in pages unasked.
            var (mine, next) = await rooms.MineAsync(user.UserId, Paging.Place(after), Paging.Limit(limit, MaxOwnRooms, MaxOwnRooms), cancellationToken);
            if (next is not null) Paging.Link(context, next);
            return TypedResults.Ok(mine);
        }
        var size = Paging.Limit(limit);
        // A name has no line feed, an id neither.
        var place = Paging.Place(after)?.Split('\n');
        var found = await rooms.PublicAsync(user.UserId, q, place is [var name, var id] ? (name, id) : null, size, cancellationToken);
        return TypedResults.Ok(Paging.Page(context, found, size, r => $"{r.Name}\n{r.RoomId}"));
    }

    private static async Task<Created<RoomSummary>> CreateAsync(
        CreateRoomRequest request, ConnectedUser user, Rooms rooms, CancellationToken cancellationToken)
    {
        var room = await rooms.CreateAsync(user, request, cancellationToken);
        return TypedResults.Created($"/api/rooms/{room.RoomId}", room);
    }

    private static async Task<Ok<RoomSummary>> DirectAsync(
        DirectRoomRequest request, ConnectedUser user, Memberships memberships, RoomList rooms, CancellationToken cancellationToken)
    {
        if (string.IsNullOrEmpty(request.UserId)) throw new ChatException(ErrorCodes.BadRequest, "user_id is needed.");
        var standing = await memberships.GetOrCreateDirectAsync(user, request.UserId, cancellationToken);
        return TypedResults.Ok(await FindAsync(standing.RoomId, user, rooms, cancellationToken));
    }

    private static async Task<Ok<RoomSummary>> GetAsync(string roomId, ConnectedUser user, RoomList rooms, CancellationToken cancellationToken) =>
        TypedResults.Ok(await FindAsync(roomId, user, rooms, cancellationToken));

    private static async Task<Ok<RoomSummary>> ChangeAsync(
        string roomId, RoomChange change, ConnectedUser user, Rooms rooms, RoomList list, CancellationToken cancellationToken)
    {
        await rooms.ChangeAsync(roomId, user, change, cancellationToken);
        return TypedResults.Ok(await FindAsync(roomId, user, list, cancellationToken));
    }

    private static async Task<NoContent> NotifyAsync(
        string roomId, NotifyRequest request, ConnectedUser user, NotifyChoice choice, CancellationToken cancellationToken)
    {
        await choice.SetAsync(roomId, user, request.Level, cancellationToken);
        return TypedResults.NoContent();
    }

    private static async Task<NoContent> DeleteAsync(string roomId, ConnectedUser user, Rooms rooms, CancellationToken cancellationToken)
    {
        await rooms.DeleteAsync(roomId, user, cancellationToken);
        return TypedResults.NoContent();
    }

    internal static async Task<RoomSummary> FindAsync(string roomId, ConnectedUser user, RoomList rooms, CancellationToken cancellationToken) =>
        await rooms.GetAsync(roomId, user.UserId, cancellationToken) ?? throw RoomTable.NoRoom();
}
