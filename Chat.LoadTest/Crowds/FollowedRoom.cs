using System.Globalization;
using System.Text;

namespace Chat.LoadTest.Crowds;

/// <summary>
/// One room as one client follows it. Nothing is missing, doubled or out of order when each event continues the one before, and when the sum of all
/// events is the sum of what was written: the second sees also what is lost where the numbering skips, between two epochs.
/// </summary>
internal sealed class FollowedRoom(string roomId)
{
    private byte[] _epoch = [];

    public string RoomId { get; } = roomId;

    public byte[] RoomIdBytes { get; } = Encoding.ASCII.GetBytes(roomId);

    /// <summary>Of the last event; null before the first subscription.</summary>
    public long? Position { get; private set; }

    public string? Epoch => Position is null ? null : Encoding.UTF8.GetString(_epoch);

    /// <summary>Live events are expected: the last subscription was acknowledged.</summary>
    public bool IsLive { get; set; }

    /// <summary>How many events came since <see cref="Begin"/>, and the sum of <see cref="Weigh(string)"/> over them.</summary>
    public (int Count, long Weight) Sum { get; private set; }

    /// <summary>A first subscription starts here.</summary>
    public void StartAt(long headSeq, ReadOnlySpan<byte> epoch)
    {
        if (Position is null) Go(headSeq, epoch);
    }

    /// <summary>From here on events are counted.</summary>
    public void Begin() => Sum = default;

    /// <returns>What is wrong with it; null when it continues the stream.</returns>
    public string? Take(long seq, ReadOnlySpan<byte> epoch, ReadOnlySpan<byte> eventId)
    {
        var before = Position ?? 0;
        var wrong = seq <= before || (seq != before + 1 && epoch.SequenceEqual(_epoch))
            ? string.Create(CultureInfo.InvariantCulture, $"{RoomId}: {seq} (epoch {Encoding.UTF8.GetString(epoch)}) after {before} (epoch {Epoch})")
            : null;
        Go(seq, epoch);
        Sum = (Sum.Count + 1, Sum.Weight + Weigh(eventId));
        return wrong;
    }

    public static long Weigh(string eventId) => Weigh(Encoding.UTF8.GetBytes(eventId));

    private static int Weigh(ReadOnlySpan<byte> eventId)
    {
        var hash = new HashCode();
        hash.AddBytes(eventId);
        return hash.ToHashCode();
    }

    private void Go(long seq, ReadOnlySpan<byte> epoch)
    {
        Position = seq;
        if (!epoch.SequenceEqual(_epoch)) _epoch = epoch.ToArray();
    }
}
