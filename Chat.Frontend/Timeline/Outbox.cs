namespace Chat.Frontend.Timeline;

/// <summary>
/// Own messages of one room that have no place in it yet, in the order in which they were written. Holds at most
/// <see cref="Capacity"/>; beyond it <see cref="Add"/> refuses and the text stays in the composer.
/// </summary>
public sealed class Outbox
{
    public const int Capacity = 100;
    private readonly List<OutgoingMessage> _messages = [];

    public IReadOnlyList<OutgoingMessage> Messages => _messages;

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

    public bool Remove(string clientId) => _messages.RemoveAll(m => m.ClientId == clientId) > 0;

    /// <summary>Lets time pass; true when a row changes.</summary>
    public bool Tick(DateTimeOffset now)
    {
        var changed = false;
        foreach (var message in _messages) changed |= message.Tick(now);
        _messages.RemoveAll(m => m.Settled);
        return changed;
    }

    /// <summary>Forgets what is acked: the room is left, and history has it.</summary>
    public void DropSent() => _messages.RemoveAll(m => m.State == SendState.Sent);

    public DateTimeOffset? NextChange(DateTimeOffset now) => _messages.Select(m => m.NextChange(now)).Min();
}
