namespace Chat.Data.Model;

/// <summary>The epoch of one numbering shard. <see cref="NextEpoch"/> only rises: an epoch that was taken is never given out again, used or not.</summary>
public sealed class NumberingShard
{
    public required int Shard { get; init; }
    public int CurrentEpoch { get; set; }
    public int NextEpoch { get; set; }
    public required DateTimeOffset StartedAt { get; set; }
}
