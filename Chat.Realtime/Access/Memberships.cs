using Chat.Realtime.Auth;

namespace Chat.Realtime.Access;

/// <summary>Changes of membership: each decides in one Postgres transaction together with the outbox row of its event.</summary>
public sealed class Memberships
{
    /// <summary>Makes the user a member of a public room if it is not one yet (first subscribe or send); null when the room is absent or invisible.</summary>
    public Task<RoomStanding?> JoinPublicAsync(string roomId, ConnectedUser user, CancellationToken cancellationToken) => throw new NotImplementedException();

    /// <summary>The direct room of two users, created once. Throws <c>not_found</c> for an unknown peer, <c>bad_request</c> for oneself.</summary>
    public Task<RoomStanding> GetOrCreateDirectAsync(ConnectedUser user, string peerId, CancellationToken cancellationToken) => throw new NotImplementedException();
}
