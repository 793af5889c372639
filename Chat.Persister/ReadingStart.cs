using Confluent.Kafka;

namespace Chat.Persister;

/// <summary>
/// From where this process reads its partitions, and how they stood then. Whatever changes that (a rebalance, another epoch) makes a new start, under which
/// the same records are read again; what was read under an older one is dropped.
/// </summary>
/// <param name="offsets">Where each partition is read from.</param>
/// <param name="epoch">The epoch that was current before the ends of the log were asked for; null when Postgres did not say.</param>
/// <param name="closed">The closed partitions, each with the end of its log: open when everything before that has its number.</param>
internal sealed class ReadingStart(IReadOnlyList<TopicPartitionOffset> offsets, int? epoch, IReadOnlyDictionary<int, long> closed)
{
    private volatile bool _isOver;

    /// <summary>The end of a closed partition that nobody could tell: it stays closed, and is looked at again.</summary>
    public const long UnknownEnd = long.MaxValue;

    /// <summary>Nothing is read.</summary>
    public static ReadingStart Nothing => new([], null, new Dictionary<int, long>());

    public IReadOnlyList<TopicPartitionOffset> Offsets { get; } = offsets;

    public int? Epoch { get; } = epoch;

    /// <summary>Belongs to the numbering stage, which takes out what it has opened.</summary>
    public Dictionary<int, long> Closed { get; } = new(closed);

    /// <summary>True once somebody has asked for a new start in its place. It stands here, so that no two who ask for different ones undo each other.</summary>
    public bool IsOver => _isOver;

    public void End() => _isOver = true;

    /// <summary>True when a partition can only be opened after another look at Postgres and the log.</summary>
    public bool IsUncertain => Closed.ContainsValue(UnknownEnd);
}
