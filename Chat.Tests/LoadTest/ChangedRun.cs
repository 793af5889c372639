using Chat.Contracts;
using Chat.LoadTest.Recording;

namespace Chat.Tests.LoadTest;

/// <summary>
/// A run in which every promise held and messages were changed: 1 is edited by 2 and 5 and has reactions (3, taken back by 7, and 4),
/// 6 is edited by 8 and deleted by 9, 10 is data. One reader saw it live, one resumed and one loaded it in two pages. Tests put one fault in by hand.
/// </summary>
internal static class ChangedRun
{
    public const string Room = "room";
    private const int PageEnd = 5;
    private const int Head = 10;

    private static readonly (string Type, string? Content, long? Target)[] Sent =
    [
        (EventTypes.ChatMessage, "one", null),
        (EventTypes.MessageEdited, "one a", 1),
        (EventTypes.ReactionAdded, "+", 1),
        (EventTypes.ReactionAdded, "!", 1),
        (EventTypes.MessageEdited, "one b", 1),
        (EventTypes.ChatMessage, "two", null),
        (EventTypes.ReactionRemoved, "+", 1),
        (EventTypes.MessageEdited, "two a", 6),
        (EventTypes.MessageDeleted, null, 6),
        (EventTypes.DataUpdate, "data", null),
    ];

    public static IEnumerable<long> Numbers => Enumerable.Range(1, Sent.Length).Select(seq => (long)seq);

    public static OperationKey Key(long seq) => new("ann", Room, $"c{seq}");

    public static string Id(long seq) => $"event-{seq}";

    /// <summary>As it was sent, which is how it stands in Postgres and comes live.</summary>
    public static StoredEvent Raw(long seq)
    {
        var (type, content, target) = Sent[seq - 1];
        return new StoredEvent(Room, seq, "0", Id(seq), type, "ann", $"c{seq}", content, Print.Of($"bytes of {seq}"))
        {
            TargetId = target is { } of ? Id(of) : null,
            Timestamp = $"time {seq}",
        };
    }

    /// <summary>As it is read in the end.</summary>
    public static StoredEvent Final(long seq) => seq switch
    {
        1 => Raw(1) with { Content = "one b", EditedAt = "time 5" },
        6 => Raw(6) with { Content = null, DeletedAt = "time 9" },
        8 => Raw(8) with { Content = null },
        _ => Raw(seq),
    };

    /// <summary>As it was read when the room had five events.</summary>
    public static StoredEvent AtPageEnd(long seq) => seq == 1 ? Raw(1) with { Content = "one b", EditedAt = "time 5" } : Raw(seq);

    /// <summary>As a reader of history with state sees it in the end.</summary>
    public static StoredEvent Viewed(long seq, string user) => Sent[seq - 1].Type != EventTypes.ChatMessage
        ? Final(seq)
        : Final(seq) with { Reactions = seq == 1 ? [new ReactionSeen("!", 1, user == "ann", ["ann"])] : [] };

    public static RunRecord Make() => new()
    {
        Attempts = [.. Numbers.Select(seq => new SendAttempt(Key(seq), new Wish(Raw(seq).EventType, Raw(seq).Content, Raw(seq).TargetId), "node 1", 1, At(seq)))],
        Acks = [.. Numbers.Select(seq => new SendAck(Key(seq), Id(seq), seq, "0", "node 1", 1, At(seq + 0.5)))],
        Readers =
        [
            new ReaderLog("live", [new Subscribed(Room, 0, null, "0", 0, true, TimeSpan.Zero), .. Numbers.Select(seq => new Saw(Room, Raw(seq).Sight, SightKind.Live, seq, At(seq)))]),
            new ReaderLog("resuming", [new Subscribed(Room, 0, null, "0", Head, true, At(11)), .. Numbers.Select(seq => new Saw(Room, Final(seq).Sight, SightKind.Recovered, Head, At(11)))]),
            new ReaderLog("loading",
            [
                .. Numbers.Take(PageEnd).Select(seq => new Saw(Room, AtPageEnd(seq).Sight, SightKind.Loaded, PageEnd, At(5.6))),
                .. Numbers.Skip(PageEnd).Select(seq => new Saw(Room, Final(seq).Sight, SightKind.Loaded, Head, At(11))),
                new Subscribed(Room, Head, "0", "0", Head, true, At(12)),
            ]),
        ],
        History = Rooms(Numbers.Select(Final)),
        Views = [.. new[] { "ann", "bob" }.Select(user => new HistoryView($"{user} over node 1", user, Room, [.. Numbers.Select(seq => Viewed(seq, user))]))],
        Postgres = Rooms(Numbers.Select(Raw)),
    };

    public static IReadOnlyDictionary<string, IReadOnlyList<StoredEvent>> Rooms(IEnumerable<StoredEvent> events) =>
        new Dictionary<string, IReadOnlyList<StoredEvent>> { [Room] = [.. events] };

    public static TimeSpan At(double seconds) => TimeSpan.FromSeconds(seconds);
}
