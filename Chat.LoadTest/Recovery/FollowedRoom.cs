using System.Globalization;

namespace Chat.LoadTest.Recovery;

/// <summary>
/// One room as one client follows it. Nothing is missing, doubled or out of order when each event continues the one before, and when the sum of all
/// events is the sum of what was written: the second sees also what is lost where the numbering skips, between two epochs.
/// </summary>
internal sealed class FollowedRoom(string roomId)
{
    public string RoomId { get; } = roomId;

    /// <summary>Of the last event; null before the first subscription.</summary>
    public long? Position { get; private set; }

    public string? Epoch { get; private set; }

    /// <summary>Live events are expected: the last subscription was acknowledged.</summary>
    public bool IsLive { get; set; }

    /// <summary>How many events came since <see cref="Begin"/>, and the sum of <see cref="Weigh"/> over them.</summary>
    public (int Count, long Weight) Sum { get; private set; }

    /// <summary>A first subscription starts here.</summary>
    public void StartAt(long headSeq, string epoch) => (Position, Epoch) = (Position ?? headSeq, epoch);

    /// <summary>From here on events are counted.</summary>
    public void Begin() => Sum = default;

    /// <returns>What is wrong with it; null when it continues the stream.</returns>
    public string? Take(long seq, string epoch, string eventId)
    {
        var before = Position ?? 0;
        var wrong = epoch == Epoch && seq != before + 1 || seq <= before
            ? string.Create(CultureInfo.InvariantCulture, $"{RoomId}: {seq} (epoch {epoch}) after {before} (epoch {Epoch})")
            : null;
        (Position, Epoch) = (seq, epoch);
        Sum = (Sum.Count + 1, Sum.Weight + Weigh(eventId));
        return wrong;
    }

    public static long Weigh(string eventId) => eventId.GetHashCode(StringComparison.Ordinal);
}
