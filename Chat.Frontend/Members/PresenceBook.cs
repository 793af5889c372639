using Chat.Contracts;

namespace Chat.Frontend.Members;

/// <summary>Whether somebody is here, and since when not.</summary>
public readonly record struct Presence(string Status, DateTimeOffset? LastSeen)
{
    public static readonly Presence Unknown = new(PresenceStatus.Offline, null);
}

/// <summary>
/// What is known about who is online, over all rooms. Holds <see cref="Capacity"/> people; of others it says offline.
/// </summary>
public sealed class PresenceBook
{
    public const int Capacity = 5_000;
    private readonly Dictionary<string, (Presence Presence, long Heard)> _people = new(StringComparer.Ordinal);

    public Presence Of(string? userId) => userId is not null && _people.TryGetValue(userId, out var known) ? known.Presence : Presence.Unknown;

    /// <summary>How many events were taken in: to be read before a question is asked, and given to <see cref="Load"/> with the answer.</summary>
    public long Heard { get; private set; }

    /// <summary>Takes in a <c>presence</c> event; true when it changes something.</summary>
    public bool Receive(ChatEvent e) =>
        e is { EventType: EventTypes.Presence, SenderId: { } user, Status: { } status } && Set(user, new Presence(status, e.LastSeen), ++Heard);

    /// <summary>Takes in an answer; true when it changes something. What was heard of somebody since <paramref name="asked"/> is newer than the answer.</summary>
    public bool Load(IEnumerable<PresentUser> users, long asked)
    {
        var changed = false;
        foreach (var user in users)
        {
            if (_people.TryGetValue(user.UserId, out var known) && known.Heard > asked) continue;
            changed |= Set(user.UserId, new Presence(user.Status, user.LastSeen), asked);
        }
        return changed;
    }

    private bool Set(string userId, Presence presence, long heard)
    {
        var isKnown = _people.TryGetValue(userId, out var known);
        if (!isKnown && _people.Count >= Capacity) _people.Remove(_people.Keys.First());
        _people[userId] = (presence, heard);
        return !isKnown || known.Presence != presence;
    }
}
