using Chat.Contracts;
using Chat.LoadTest.Recording;

namespace Chat.LoadTest.Checking;

/// <summary>
/// What each event has to look like when it is read again, from the log of events in order alone: of several edits the one with the highest
/// number holds, a deletion holds at any number and blanks the edits too, and of each user and emoji the last event.
/// </summary>
internal sealed class MessageStates
{
    private readonly IReadOnlyDictionary<OperationKey, Wish> _wishes;
    private readonly ILookup<(string RoomId, string Target), StoredEvent> _changes;

    public MessageStates(RunRecord run)
    {
        _wishes = run.Wishes;
        _changes = run.History.Values.SelectMany(events => events).Where(e => e.TargetId is not null).OrderBy(e => e.Seq).ToLookup(e => (e.RoomId, e.TargetId!));
    }

    /// <summary>As it was sent; null for what no client sent.</summary>
    public Face? Sent(StoredEvent e) => e.Operation is { } operation && _wishes.TryGetValue(operation, out var wish) ? new Face(wish.Content) : null;

    /// <summary>Every face that the event has had from the moment on when the room had <paramref name="asOf"/>; null for what no client sent.</summary>
    public IReadOnlyCollection<Face>? Since(StoredEvent e, long asOf)
    {
        if (Sent(e) is not { } sent) return null;
        return e.EventType switch
        {
            EventTypes.ChatMessage => OfMessage(sent, _changes[(e.RoomId, e.EventId)], asOf),
            EventTypes.MessageEdited => OfEdit(sent, _changes[(e.RoomId, e.TargetId ?? "")], asOf),
            _ => [sent],
        };
    }

    /// <summary>Who has put which emoji on a message in the end.</summary>
    public ILookup<string, string> Reactions(StoredEvent message) => _changes[(message.RoomId, message.EventId)]
        .Where(e => e.EventType is EventTypes.ReactionAdded or EventTypes.ReactionRemoved)
        .GroupBy(e => (e.SenderId, e.Content), (_, same) => same.Last())
        .Where(last => last.EventType == EventTypes.ReactionAdded)
        .ToLookup(last => last.Content ?? "", last => last.SenderId);

    private HashSet<Face> OfMessage(Face sent, IEnumerable<StoredEvent> changes, long asOf)
    {
        var (faces, current) = (new HashSet<Face>(), sent);
        foreach (var change in changes.Where(e => e.EventType is EventTypes.MessageEdited or EventTypes.MessageDeleted))
        {
            // Who looked just before it saw this.
            if (change.Seq > asOf) faces.Add(current);
            var deleted = change.EventType == EventTypes.MessageDeleted;
            current = deleted ? new Face((Print?)null, null, change.Timestamp) : new Face(Sent(change)?.Content, change.Timestamp, null);
            if (deleted) break;
        }
        faces.Add(current);
        return faces;
    }

    private static HashSet<Face> OfEdit(Face sent, IEnumerable<StoredEvent> changes, long asOf) => FindDeletion(changes) switch
    {
        null => [sent],
        { } deletion when deletion.Seq <= asOf => [default],
        _ => [sent, default],
    };

    private static StoredEvent? FindDeletion(IEnumerable<StoredEvent> changes) => changes.FirstOrDefault(e => e.EventType == EventTypes.MessageDeleted);
}
