using Chat.Contracts;
using Chat.Contracts.Api;
using Chat.Realtime.Access;
using Chat.Realtime.Auth;
using Chat.Realtime.History;
using Chat.Realtime.Publishing;
using Chat.Realtime.Reading;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Chat.Realtime.Api;

/// <summary>Messages of a room: read, wait for, send, mark as read.</summary>
internal static class MessagesApi
{
    public static void MapMessages(this IEndpointRouteBuilder api)
    {
        var room = api.MapGroup("/rooms/{roomId}").WithTags("Messages");
        room.MapGet("/messages", ReadAsync).WithName("GetMessages")
            .WithSummary("A page of history, ascending; with after_seq and wait a long poll");
        room.MapPost("/messages", SendAsync).WithName("SendMessage").WithSummary("Send a message; a repeat with the same client_id is no second one");
        room.MapPost("/read", MarkReadAsync).WithName("MarkRead").WithSummary("Move the caller's read marker");
    }

    private static async Task<HistoryAnswer> ReadAsync(
        string roomId, long? before_seq, long? after_seq, int? limit, int? wait, bool? state,
        ConnectedUser user, RoomAccess access, SharedHistory history, LongPoll longPoll, CancellationToken cancellationToken)
    {
        if (before_seq is not null && after_seq is not null) throw Bad("Either before_seq or after_seq, not both.");
        if (before_seq < 0 || after_seq < 0) throw Bad("before_seq and after_seq are not negative.");
        if (limit < 1) throw Bad("limit must be at least 1.");
        if (wait is not null && after_seq is null) throw Bad("wait needs after_seq.");
        if (wait < 0) throw Bad("wait is not negative.");
        if (await access.GetAsync(roomId, user.UserId, cancellationToken) is null) throw RoomTable.NoRoom();
        if (wait > 0) await longPoll.WaitAsync(roomId, after_seq!.Value, TimeSpan.FromSeconds(Math.Min(wait.Value, ProtocolLimits.MaxWaitSeconds)), cancellationToken);
        // Asked again: whoever lost the room while waiting gets nothing of it.
        if (wait > 0 && await access.GetAsync(roomId, user.UserId, cancellationToken) is null) throw RoomTable.NoRoom();
        var size = Math.Min(limit ?? ProtocolLimits.DefaultHistoryLimit, ProtocolLimits.MaxHistoryLimit);
        return new HistoryAnswer(await history.ReadPageAsync(roomId, before_seq, after_seq, size, state is true ? user.UserId : null, cancellationToken));
    }

    private static async Task<Created<SendReceipt>> SendAsync(
        string roomId, SendMessageRequest message, ConnectedUser user, MessageSender sender, CancellationToken cancellationToken) =>
        TypedResults.Created((string?)null, await sender.SendAsync(user, roomId, message, cancellationToken));

    private static async Task<Ok<ReadReceipt>> MarkReadAsync(
        string roomId, ReadRequest request, ConnectedUser user, RoomAccess access, ReadMarkers markers, CancellationToken cancellationToken)
    {
        if (request.Seq is not (>= 0 and var seq)) throw Bad("seq is needed and not negative.");
        var standing = await access.GetAsync(roomId, user.UserId, cancellationToken) ?? throw RoomTable.NoRoom();
        if (!standing.IsMember) throw new ChatException(ErrorCodes.Forbidden, "Only members have a read marker.");
        return TypedResults.Ok(await markers.MarkAsync(user, roomId, seq, request.MarkUnread is true, cancellationToken));
    }

    private static ChatException Bad(string message) => new(ErrorCodes.BadRequest, message);
}
