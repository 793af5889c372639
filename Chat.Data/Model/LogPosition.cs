namespace Chat.Data.Model;

/// <summary>How far a partition of the log has been copied into <c>events</c>; moved by compare-and-set in the transaction that copies.</summary>
public sealed class LogPosition
{
    public required int Partition { get; init; }
    public long NextOffset { get; set; }
    /// <summary>The latest epoch in which the partition is open: what its log held when the epoch began has its number again.</summary>
    public int Epoch { get; set; }
}
