namespace Chat.LoadTest.Recording;

/// <summary>Everything that the verdicts look at. Nothing in it comes from the platform's own opinion of itself.</summary>
internal sealed record RunRecord
{
    private static readonly Dictionary<string, IReadOnlyList<StoredEvent>> NoRooms = [];

    public IReadOnlyList<SendAttempt> Attempts
    {
        get;
        init
        {
            field = value;
            Wishes = value.GroupBy(a => a.Operation).ToDictionary(a => a.Key, a => a.First().Wish);
        }
    } = [];

    /// <summary>What each operation was to become.</summary>
    public IReadOnlyDictionary<OperationKey, Wish> Wishes { get; private init; } = new Dictionary<OperationKey, Wish>();

    public IReadOnlyList<SendAck> Acks { get; init; } = [];

    public IReadOnlyList<SendFailure> Failures { get; init; } = [];

    public IReadOnlyList<ReaderLog> Readers { get; init; } = [];

    /// <summary>Each room as the API tells it at the end, ascending.</summary>
    public IReadOnlyDictionary<string, IReadOnlyList<StoredEvent>> History
    {
        get;
        init
        {
            field = value;
            Index = new HistoryIndex(value);
        }
    } = NoRooms;

    /// <summary>History by event and by operation.</summary>
    public HistoryIndex Index { get; private init; } = new(NoRooms);

    /// <summary>The same rooms with the state of their messages, as several users read them over every node.</summary>
    public IReadOnlyList<HistoryView> Views { get; init; } = [];

    /// <summary>Each room as it stands in Postgres at the end; null when that was not looked at.</summary>
    public IReadOnlyDictionary<string, IReadOnlyList<StoredEvent>>? Postgres { get; init; }

    /// <summary>
    /// Redis was made to forget what it had acknowledged. Only then may an event that was not persisted yet be numbered anew, in a later epoch;
    /// every other promise stays.
    /// </summary>
    public bool RedisForgot { get; init; }
}
