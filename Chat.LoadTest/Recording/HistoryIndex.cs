namespace Chat.LoadTest.Recording;

/// <summary>History by event and by operation; an event that is there twice is found twice.</summary>
internal sealed class HistoryIndex(IReadOnlyDictionary<string, IReadOnlyList<StoredEvent>> history)
{
    private readonly ILookup<(string RoomId, string EventId), StoredEvent> _byEvent =
        history.Values.SelectMany(events => events).ToLookup(e => (e.RoomId, e.EventId));

    private readonly Dictionary<OperationKey, StoredEvent> _byOperation = history.Values.SelectMany(events => events)
        .Where(e => e.Operation is not null)
        .GroupBy(e => e.Operation!.Value)
        .ToDictionary(g => g.Key, g => g.First());

    public IEnumerable<StoredEvent> InHistory(string roomId, string eventId) => _byEvent[(roomId, eventId)];

    public StoredEvent? Of(OperationKey operation) => _byOperation.GetValueOrDefault(operation);
}
