using Chat.Contracts;

namespace Chat.Frontend.Timeline;

/// <summary>Who is typing in the open room. A name stays at most <see cref="ShowFor"/> after the last sign of typing.</summary>
public sealed class TypingLine(string userId)
{
    public static readonly TimeSpan ShowFor = TimeSpan.FromSeconds(6);
    // More names than are ever shown need not be remembered.
    private const int MaxPeople = 50;
    private readonly Dictionary<string, (string Name, DateTimeOffset Until)> _people = new(StringComparer.Ordinal);

    public IReadOnlyList<string> Names => [.. _people.Values.Select(p => p.Name)];

    public bool Receive(ChatEvent e, DateTimeOffset now)
    {
        if (e.SenderId is not { } sender || sender == userId) return false;
        // A message ends its author's typing.
        if (e.EventType == EventTypes.ChatMessage || e.Active == false) return _people.Remove(sender);
        if (e.EventType != EventTypes.Typing || (_people.Count >= MaxPeople && !_people.ContainsKey(sender))) return false;
        var known = _people.ContainsKey(sender);
        _people[sender] = (e.SenderName ?? "Somebody", now + ShowFor);
        return !known;
    }

    public bool Tick(DateTimeOffset now)
    {
        var gone = _people.Where(p => p.Value.Until <= now).Select(p => p.Key).ToList();
        foreach (var person in gone) _people.Remove(person);
        return gone.Count > 0;
    }

    public DateTimeOffset? NextChange => _people.Count == 0 ? null : _people.Values.Min(p => p.Until);
}
