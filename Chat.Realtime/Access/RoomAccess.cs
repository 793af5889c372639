namespace Chat.Realtime.Access;

/// <summary>
/// Read-through copy in Redis of who may do what in a room. Versioned: the higher version wins, so a late write of an older state changes nothing.
/// </summary>
public sealed class RoomAccess
{
    /// <summary>The user's standing; null when the room is absent or invisible to the user (private or direct, and not a member).</summary>
    public ValueTask<RoomStanding?> GetAsync(string roomId, string userId, CancellationToken cancellationToken) => throw new NotImplementedException();

    /// <summary>As <see cref="GetAsync"/>, but of many users of one room at once and straight from Postgres: those of <paramref name="userIds"/> who may receive its events.</summary>
    public Task<IReadOnlySet<string>> WhoMayReceiveAsync(string roomId, IReadOnlyCollection<string> userIds, CancellationToken cancellationToken) => throw new NotImplementedException();
}
