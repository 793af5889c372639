using Chat.Contracts;

namespace Chat.Frontend.Members;

/// <summary>Whether somebody is here, and since when not.</summary>
public readonly record struct Presence(string Status, DateTimeOffset? LastSeen)
{
    public static readonly Presence Unknown = new(PresenceStatus.Offline, null);
}

/// <summary>
/// What is known about who is online, over all rooms. Holds the <see cref="Capacity"/> people heard of last; of others it says offline.
/// </summary>
public sealed class PresenceBook
{
    public const int Capacity = 5_000;
    private readonly Dictionary<string, Presence> _people = new(StringComparer.Ordinal);

    public Presence Of(string? userId) => userId is not null && _people.TryGetValue(userId, out var presence) ? presence : Presence.Unknown;

    /// <summary>Takes in a <c>presence</c> event; true when it changes something.</summary>
    public bool Receive(ChatEvent e) =>
        e is { EventType: EventTypes.Presence, SenderId: { } user, Status: { } status } && Set(user, new Presence(status, e.LastSeen));

    public bool Load(IEnumerable<PresentUser> users)
    {
        var changed = false;
        foreach (var user in users) changed |= Set(user.UserId, new Presence(user.Status, user.LastSeen));
        return changed;
    }

    private bool Set(string userId, Presence presence)
    {
        if (_people.TryGetValue(userId, out var known) && known == presence) return false;
        if (_people.Count >= Capacity && !_people.ContainsKey(userId)) _people.Remove(_people.Keys.First());
        _people[userId] = presence;
        return true;
    }
}
