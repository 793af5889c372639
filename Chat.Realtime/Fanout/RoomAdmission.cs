using Chat.Contracts;
using Chat.Realtime.Access;
using Chat.Realtime.Auth;

namespace Chat.Realtime.Fanout;

/// <summary>Who may enter a room, with the code of the refusal. A room that is invisible to the user is refused like one that is absent.</summary>
internal sealed class RoomAdmission(RoomAccess access, Memberships memberships)
{
    /// <summary>The standing of a reader: a member, or anyone in a public room.</summary>
    public ValueTask<RoomStanding> ReaderAsync(string roomId, ConnectedUser user, CancellationToken cancellationToken) =>
        ReaderAsync(roomId, user, access.AskCopyAwayAsync(roomId, user.UserId), cancellationToken);

    /// <summary>The standing of a member; others are refused.</summary>
    public ValueTask<RoomStanding> MemberAsync(string roomId, ConnectedUser user, CancellationToken cancellationToken) =>
        MemberAsync(roomId, user, access.AskCopyAwayAsync(roomId, user.UserId), cancellationToken);

    /// <summary>As above, with what <see cref="RoomAccess.AskCopyAsync"/> was asked ahead.</summary>
    public async ValueTask<RoomStanding> MemberAsync(string roomId, ConnectedUser user, ValueTask<CopiedStanding?> asked, CancellationToken cancellationToken)
    {
        var standing = await ReaderAsync(roomId, user, asked, cancellationToken);
        return standing.IsMember ? standing : throw new ChatException(ErrorCodes.Forbidden, "You are not a member of this room.");
    }

    /// <summary>The standing of a member; in a public room the user becomes one.</summary>
    public ValueTask<RoomStanding> JoinerAsync(string roomId, ConnectedUser user, CancellationToken cancellationToken) =>
        JoinerAsync(roomId, user, access.AskCopyAwayAsync(roomId, user.UserId), cancellationToken);

    /// <summary>As above, with what <see cref="RoomAccess.AskCopyAsync"/> was asked ahead.</summary>
    public async ValueTask<RoomStanding> JoinerAsync(string roomId, ConnectedUser user, ValueTask<CopiedStanding?> asked, CancellationToken cancellationToken)
    {
        var standing = await ReaderAsync(roomId, user, asked, cancellationToken);
        return standing.IsMember ? standing : await memberships.JoinPublicAsync(roomId, user, cancellationToken) ?? throw NotFound();
    }

    private async ValueTask<RoomStanding> ReaderAsync(string roomId, ConnectedUser user, ValueTask<CopiedStanding?> asked, CancellationToken cancellationToken) =>
        await access.GetAsync(roomId, user.UserId, asked, cancellationToken) ?? throw NotFound();

    private static ChatException NotFound() => new(ErrorCodes.NotFound, "There is no such room.");
}
