using Chat.Contracts;

namespace Chat.Data.History;

/// <summary>Ends of a room's history. All 0 in an empty room (epoch: the current one).</summary>
public readonly record struct RoomBounds(long HeadSeq, int Epoch, long FirstSeq);

/// <summary>A page of history, ascending, deletions and edits applied: encoded envelopes with seq and epoch.</summary>
public sealed record HistorySlice(IReadOnlyList<ReadOnlyMemory<byte>> Events, long HeadSeq, bool HasMore);

/// <summary>
/// History of a room over the hot stream in Redis and the rest in Postgres, contiguous across the two. While Postgres is away, the hot part alone.
/// </summary>
public sealed class RoomHistory
{
    /// <summary>Head, epoch and first event; Redis first, Postgres for what Redis does not know.</summary>
    public Task<RoomBounds> GetBoundsAsync(string roomId, CancellationToken cancellationToken) => throw new NotImplementedException();

    /// <summary>
    /// The events after <paramref name="afterSeq"/> up to the head, as they were published, with the bounds read in the same step; null events when there are
    /// more than <paramref name="max"/> or the sequence is not contiguous (a new epoch lies between).
    /// </summary>
    public Task<(RoomBounds Bounds, IReadOnlyList<NumberedEvent>? Events)> ReadAfterAsync(string roomId, long afterSeq, int max, CancellationToken cancellationToken) => throw new NotImplementedException();

    /// <summary>Events with seq below <paramref name="beforeSeq"/> (newest ones), above <paramref name="afterSeq"/> (oldest ones), or the newest ones when both are null.</summary>
    public Task<HistorySlice> ReadPageAsync(string roomId, long? beforeSeq, long? afterSeq, int limit, CancellationToken cancellationToken) => throw new NotImplementedException();
}
