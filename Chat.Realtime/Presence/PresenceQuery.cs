using Chat.Contracts;

namespace Chat.Realtime.Presence;

/// <summary>A page of a room's members with their status.</summary>
/// <param name="Count">Members online.</param>
public sealed record PresencePage(int Count, IReadOnlyList<PresentUser> Users, bool HasMore);

/// <summary>Answers the <c>presence</c> command.</summary>
public sealed class PresenceQuery
{
    /// <summary>Members in the order of their ids, after <paramref name="after"/> (a user id).</summary>
    public Task<PresencePage> GetAsync(string roomId, int limit, string? after, CancellationToken cancellationToken) => throw new NotImplementedException();
}
