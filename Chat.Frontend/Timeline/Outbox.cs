namespace Chat.Frontend.Timeline;

/// <summary>
/// Own messages of one room that have no place in it yet, in the order in which they were written. Holds at most
/// <see cref="Capacity"/>; beyond it <see cref="Add"/> refuses and the text stays in the composer.
/// </summary>
public sealed class Outbox
{
    public const int Capacity = 100;
    private readonly List<OutgoingMessage> _messages = [];
    private int _left;

    public IReadOnlyList<OutgoingMessage> Messages => _messages;

    /// <summary>Changes whenever a row may look different; never goes back to an earlier value.</summary>
    public int Version => _left + _messages.Sum(m => m.Version + 1);

    /// <summary>Messages that the platform has not acked.</summary>
    public int Unsent => _messages.Count(m => m.State != SendState.Sent);

    /// <summary>Takes a message in; null when there is no room, the known one when its id is here already.</summary>
    public OutgoingMessage? Add(string clientId, string content, DateTimeOffset now)
    {
        if (Find(clientId) is { } known) return known;
        if (_messages.Count >= Capacity) return null;
        var message = new OutgoingMessage(clientId, content, now);
        _messages.Add(message);
        return message;
    }

    public OutgoingMessage? Find(string clientId) => _messages.Find(m => m.ClientId == clientId);

    public bool Remove(string clientId) => RemoveWhere(m => m.ClientId == clientId);

    /// <summary>Lets time pass; true when a row changes.</summary>
    public bool Tick(DateTimeOffset now)
    {
        var changed = false;
        foreach (var message in _messages) changed |= message.Tick(now);
        RemoveWhere(m => m.Settled);
        return changed;
    }

    /// <summary>Forgets what is acked: the room is left, and history has it.</summary>
    public void DropSent() => RemoveWhere(m => m.State == SendState.Sent);

    public DateTimeOffset? NextChange(DateTimeOffset now) => _messages.Select(m => m.NextChange(now)).Min();

    private bool RemoveWhere(Predicate<OutgoingMessage> leaves)
    {
        _left += _messages.Where(m => leaves(m)).Sum(m => m.Version + 2);
        return _messages.RemoveAll(leaves) > 0;
    }
}
