using Chat.Contracts;
using Chat.Realtime.Access;
using Chat.Realtime.Auth;

namespace Chat.Realtime.Fanout;

/// <summary>Who may enter a room, with the code of the refusal. A room that is invisible to the user is refused like one that is absent.</summary>
internal sealed class RoomAdmission(RoomAccess access, Memberships memberships)
{
    /// <summary>The standing of a reader: a member, or anyone in a public room.</summary>
    public async ValueTask<RoomStanding> ReaderAsync(string roomId, ConnectedUser user, CancellationToken cancellationToken) =>
        await access.GetAsync(roomId, user.UserId, cancellationToken) ?? throw NotFound();

    /// <summary>The standing of a member; others are refused.</summary>
    public async ValueTask<RoomStanding> MemberAsync(string roomId, ConnectedUser user, CancellationToken cancellationToken)
    {
        var standing = await ReaderAsync(roomId, user, cancellationToken);
        return standing.IsMember ? standing : throw new ChatException(ErrorCodes.Forbidden, "You are not a member of this room.");
    }

    /// <summary>The standing of a member; in a public room the user becomes one.</summary>
    public async ValueTask<RoomStanding> JoinerAsync(string roomId, ConnectedUser user, CancellationToken cancellationToken)
    {
        var standing = await ReaderAsync(roomId, user, cancellationToken);
        return standing.IsMember ? standing : await memberships.JoinPublicAsync(roomId, user, cancellationToken) ?? throw NotFound();
    }

    private static ChatException NotFound() => new(ErrorCodes.NotFound, "There is no such room.");
}
