using Chat.Realtime.Auth;

namespace Chat.Realtime.Presence;

/// <summary>Relays <c>typing</c> to a room, coalesced: one event per user, room and state within a second.</summary>
public sealed class TypingRelay
{
    /// <summary>The user starts or stops typing in a room of which it is a member (checked by the caller).</summary>
    public Task SetAsync(ConnectedUser user, string roomId, bool active) => throw new NotImplementedException();
}
