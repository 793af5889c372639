namespace Chat.LoadTest.Measuring;

/// <summary>What a ledger comes to. Pairs are of a publish and a member.</summary>
internal sealed record Accounts
{
    public int Publishes { get; init; }

    public int Acked { get; init; }

    public int Refused { get; init; }

    public int Unanswered { get; init; }

    public int NotSent { get; init; }

    /// <summary>Publishes without an ack that came all the same.</summary>
    public int CameWithoutAck { get; init; }

    /// <summary>Pairs that must be there.</summary>
    public long Expected { get; init; }

    public long Delivered { get; init; }

    public long Lost => Expected - Delivered;

    public long Duplicates { get; init; }

    public long Reordered { get; init; }

    /// <summary>Numbers that a member never saw between others.</summary>
    public long Holes { get; init; }

    /// <summary>Messages that none of the publishers had sent, or not into this room.</summary>
    public long Phantoms { get; init; }

    public static Accounts operator +(Accounts one, Accounts other) => new()
    {
        Publishes = one.Publishes + other.Publishes,
        Acked = one.Acked + other.Acked,
        Refused = one.Refused + other.Refused,
        Unanswered = one.Unanswered + other.Unanswered,
        NotSent = one.NotSent + other.NotSent,
        CameWithoutAck = one.CameWithoutAck + other.CameWithoutAck,
        Expected = one.Expected + other.Expected,
        Delivered = one.Delivered + other.Delivered,
        Duplicates = one.Duplicates + other.Duplicates,
        Reordered = one.Reordered + other.Reordered,
        Holes = one.Holes + other.Holes,
        Phantoms = one.Phantoms + other.Phantoms,
    };
}
