using Chat.Contracts;
using Chat.LoadTest.Recording;

namespace Chat.Tests.LoadTest;

/// <summary>
/// A run in which every promise held: two writers, ten messages in a room, two readers of whom one lost its connection, Postgres with
/// the same. Tests put one fault in by hand.
/// </summary>
internal static class CleanRun
{
    public const string Room = "room";
    public const int Messages = 10;
    private const int PersistedBy = Messages;

    public static OperationKey Key(long seq) => new(seq % 2 == 0 ? "ann" : "bob", Room, $"c{seq}");

    public static string Id(long seq) => $"event-{seq}";

    public static TimeSpan Sent(long seq) => TimeSpan.FromSeconds(seq);

    public static TimeSpan Acked(long seq) => TimeSpan.FromSeconds(seq + 0.5);

    public static StoredEvent Stored(long seq, string epoch = "0", string? id = null) => new(
        Room, seq, epoch, id ?? Id(seq), EventTypes.ChatMessage, Key(seq).SenderId, Key(seq).ClientId, $"text {seq}", Print.Of($"bytes of {id ?? Id(seq)} at {seq} in {epoch}"));

    public static SendAck Ack(long seq) => new(Key(seq), Id(seq), seq, "0", "node 1", 1 + (int)(seq % 2), Acked(seq));

    public static SendAttempt Attempt(long seq) => new(Key(seq), new Wish(EventTypes.ChatMessage, $"text {seq}"), "node 1", 1 + (int)(seq % 2), Sent(seq));

    public static Saw Saw(long seq, SightKind kind = SightKind.Live) => new(Room, Stored(seq).Sight, kind, seq, Acked(seq));

    public static IReadOnlyDictionary<string, IReadOnlyList<StoredEvent>> Rooms(IEnumerable<StoredEvent> events) =>
        new Dictionary<string, IReadOnlyList<StoredEvent>> { [Room] = [.. events] };

    public static IEnumerable<StoredEvent> Events => Numbers.Select(seq => Stored(seq));

    public static IEnumerable<long> Numbers => Enumerable.Range(1, PersistedBy).Select(seq => (long)seq);

    /// <summary>Subscribed from the beginning, lost its connection after 4, resumed.</summary>
    public static IReadOnlyList<ReaderStep> Steps =>
    [
        new Subscribed(Room, 0, null, "0", 0, true, TimeSpan.Zero),
        .. Numbers.Take(4).Select(seq => Saw(seq)),
        new Subscribed(Room, 4, "0", "0", 6, true, TimeSpan.FromSeconds(6)),
        .. Numbers.Skip(4).Select(seq => Saw(seq)),
    ];

    public static RunRecord Make() => new()
    {
        Attempts = [.. Numbers.Select(Attempt)],
        Acks = [.. Numbers.Select(Ack)],
        Readers =
        [
            new ReaderLog("resuming", Steps),
            new ReaderLog("late", [new Subscribed(Room, null, null, "0", 6, true, TimeSpan.FromSeconds(6.6)), .. Numbers.Skip(6).Select(seq => Saw(seq))]),
        ],
        History = Rooms(Events),
        Postgres = Rooms(Events),
    };

    /// <summary>The same, with the steps of the reader that resumed replaced.</summary>
    public static RunRecord WithSteps(IEnumerable<ReaderStep> steps) => Make() with { Readers = [new ReaderLog("resuming", [.. steps])] };
}
