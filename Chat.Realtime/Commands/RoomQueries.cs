using Chat.Contracts;
using Chat.Realtime.Auth;
using Chat.Realtime.Fanout;
using Chat.Realtime.History;
using Chat.Realtime.Presence;
using Chat.Realtime.Reading;

namespace Chat.Realtime.Commands;

/// <summary>The commands that ask about a room: <c>history</c>, <c>presence</c>, <c>read</c>. Each answers with its encoded ack.</summary>
internal sealed class RoomQueries(RoomAdmission admission, SharedHistory history, PresenceQuery presence, ReadMarkers markers)
{
    public async Task<ReadOnlyMemory<byte>> HistoryAsync(ConnectedUser user, string roomId, Command command, CancellationToken cancellationToken)
    {
        if (command is { BeforeSeq: not null, AfterSeq: not null }) throw Bad("Give before_seq or after_seq, not both.");
        var limit = LimitOf(command, ProtocolLimits.DefaultHistoryLimit, ProtocolLimits.MaxHistoryLimit);
        await admission.ReaderAsync(roomId, user, cancellationToken);
        var slice = await history.ReadPageAsync(roomId, command.BeforeSeq, command.AfterSeq, limit, command.State is true ? user.UserId : null, cancellationToken);
        return Replies.History(command.Id, roomId, slice);
    }

    public async Task<ReadOnlyMemory<byte>> PresenceAsync(ConnectedUser user, string roomId, Command command, CancellationToken cancellationToken)
    {
        var limit = LimitOf(command, ProtocolLimits.DefaultPresenceLimit, ProtocolLimits.MaxPresenceLimit);
        await admission.ReaderAsync(roomId, user, cancellationToken);
        return Replies.Presence(command.Id, roomId, await presence.GetAsync(roomId, limit, command.After, cancellationToken));
    }

    public async Task<ReadOnlyMemory<byte>> MarkReadAsync(ConnectedUser user, string roomId, Command command, CancellationToken cancellationToken)
    {
        var seq = command.Seq ?? throw Bad("seq is missing.");
        await admission.MemberAsync(roomId, user, cancellationToken);
        return Replies.Read(command.Id, await markers.MarkAsync(user, roomId, seq, command.MarkUnread ?? false, cancellationToken));
    }

    // More than the maximum is not an error: the page is as long as it may be.
    private static int LimitOf(in Command command, int byDefault, int max) => command.Limit switch
    {
        null => byDefault,
        0 => throw Bad("limit is 1 or more."),
        { } limit => (int)Math.Min(limit, max),
    };

    private static ChatException Bad(string message) => new(ErrorCodes.BadRequest, message);
}
