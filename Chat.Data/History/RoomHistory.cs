using Chat.Contracts;
using Chat.Data.Numbering;
using Microsoft.Extensions.Logging;
using StackExchange.Redis;

namespace Chat.Data.History;

/// <summary>Ends of a room's history. All 0 in an empty room (epoch: the current one).</summary>
public readonly record struct RoomBounds(long HeadSeq, int Epoch, long FirstSeq)
{
    /// <summary>The highest access version that an event up to the head has brought; null when Redis, which knows it, does not know the room or may have an older state of it.</summary>
    public long? AccessVersion { get; init; }
}

/// <summary>A page of history, ascending, deletions and edits applied: encoded envelopes with seq and epoch.</summary>
public sealed record HistorySlice(IReadOnlyList<ReadOnlyMemory<byte>> Events, long HeadSeq, bool HasMore);

/// <summary>
/// History of a room over the hot stream in Redis and the rest in Postgres, contiguous across the two. While Postgres is away, the hot part alone.
/// The hot stream is always read first: what it has lost by then was persisted before, so Postgres read afterwards has it.
/// </summary>
public sealed partial class RoomHistory(HotStream hot, EventStore stored, MessageOverlay overlay, EpochStore epochs, ILogger<RoomHistory> logger)
{
    private const int RetryAfterMs = 1000;
    // A hole at the seam can only be a trim between the two reads (or a copy of Redis' data that is behind): the next read is past it.
    private const int MaxAttempts = 3;

    /// <summary>Head, epoch and first event; Redis first, Postgres for what Redis does not know.</summary>
    public async Task<RoomBounds> GetBoundsAsync(string roomId, CancellationToken cancellationToken)
    {
        var slice = await CheckAsync(roomId, await ReadHotAsync(hot.ReadOldestAsync(roomId, 0, long.MaxValue, 1, cancellationToken)), cancellationToken);
        return await GetBoundsAsync(roomId, slice, cancellationToken);
    }

    /// <summary>
    /// The events after <paramref name="afterSeq"/> up to the head, as they were published, with the bounds read in the same step; null events when there are
    /// more than <paramref name="max"/> or the sequence is not contiguous (a new epoch lies between).
    /// </summary>
    public async Task<(RoomBounds Bounds, IReadOnlyList<NumberedEvent>? Events)> ReadAfterAsync(string roomId, long afterSeq, int max, CancellationToken cancellationToken)
    {
        for (var attempt = 1; ; attempt++)
        {
            var slice = await CheckAsync(roomId, await ReadHotAsync(hot.ReadOldestAsync(roomId, afterSeq, long.MaxValue, max + 1, cancellationToken)), cancellationToken);
            var bounds = await GetBoundsAsync(roomId, slice, cancellationToken);
            // Numbers of one epoch have no holes, so the count is known before anything else is read.
            var count = bounds.HeadSeq - afterSeq;
            if (count < 0 || count > max)
                return (bounds, null);
            var events = Positions(slice);
            if (events.Count < count)
                events = Merge(await stored.ReadOldestAsync(roomId, afterSeq, long.MaxValue, max, cancellationToken), events);
            if (events.Count == count && IsContiguous(events, afterSeq))
                return (bounds, events);
            if (attempt == MaxAttempts)
            {
                Log.NotContiguous(logger, roomId, afterSeq, bounds.HeadSeq, events.Count);
                return (bounds, null);
            }
        }
    }

    /// <summary>Events with seq below <paramref name="beforeSeq"/> (newest ones), above <paramref name="afterSeq"/> (oldest ones), or the newest ones when both are null.</summary>
    public Task<HistorySlice> ReadPageAsync(string roomId, long? beforeSeq, long? afterSeq, int limit, CancellationToken cancellationToken) =>
        ReadPageAsync(roomId, beforeSeq, afterSeq, limit, stateFor: null, cancellationToken);

    /// <summary>As above; with <paramref name="stateFor"/> messages also carry reactions and replies as that user sees them.</summary>
    public async Task<HistorySlice> ReadPageAsync(
        string roomId, long? beforeSeq, long? afterSeq, int limit, string? stateFor, CancellationToken cancellationToken)
    {
        var before = beforeSeq ?? long.MaxValue;
        var slice = await ReadHotOrNothingAsync(afterSeq is { } from
            ? hot.ReadOldestAsync(roomId, from, before, limit + 1, cancellationToken)
            : hot.ReadNewestAsync(roomId, 0, before, limit + 1, cancellationToken));
        slice = await CheckAsync(roomId, slice, cancellationToken);
        var (events, hasMore) = await (afterSeq is { } after
            ? TakeOldestAsync(roomId, slice, after, before, limit, cancellationToken)
            : TakeNewestAsync(roomId, slice, before, limit, cancellationToken));
        var head = slice.Head ?? (await stored.GetBoundsAsync(roomId, cancellationToken)).HeadSeq;
        List<NumberedEvent> page = [.. events];
        var changed = await overlay.ApplyAsync(roomId, page, OriginOf(page, slice), stateFor, cancellationToken);
        return new HistorySlice([.. changed.Select(e => (ReadOnlyMemory<byte>)e.ToDelivered())], head, hasMore);
    }

    private static StretchOrigin OriginOf(List<NumberedEvent> events, HotSlice slice) =>
        events.Count == 0 ? default : new StretchOrigin(
            ReachesHead: events[^1].Seq == slice.Head && IsContiguous(events, events[0].Seq - 1),
            StartsHot: slice.Events is [var oldest, ..] && oldest.Event.Seq <= events[0].Seq);

    /// <summary>
    /// Redis may have come back with an older state than Postgres has seen. Until the room has a number of the current epoch, Postgres says what it has,
    /// and of Redis only what lies above that counts.
    /// </summary>
    private async Task<HotSlice> CheckAsync(string roomId, HotSlice slice, CancellationToken cancellationToken)
    {
        if (slice.Head is not { } head || slice.IsCurrent)
            return slice;
        try
        {
            var bounds = await stored.GetBoundsAsync(roomId, cancellationToken);
            return slice with
            {
                Head = Math.Max(head, bounds.HeadSeq),
                Epoch = bounds.HeadSeq > head ? bounds.Epoch : slice.Epoch,
                FirstSeq = bounds.FirstSeq > 0 ? bounds.FirstSeq : slice.FirstSeq,
                Events = [.. slice.Events.Where(e => e.Event.Seq > bounds.HeadSeq)],
            };
        }
        catch (ChatException failure)
        {
            Log.HotPartAlone(logger, roomId, failure.Message);
            return slice;
        }
    }

    private async Task<(IEnumerable<NumberedEvent> Events, bool HasMore)> TakeOldestAsync(
        string roomId, HotSlice slice, long afterSeq, long beforeSeq, int limit, CancellationToken cancellationToken)
    {
        var events = Positions(slice);
        // Hot events that follow one another from the asked place on leave no room for others. Without Postgres a hole would pass for the truth.
        var start = events is [var first, ..] && first.Seq == slice.FirstSeq ? first.Seq - 1 : afterSeq;
        if (events.Count == 0 || !IsContiguous(events, start))
            events = Merge(await stored.ReadOldestAsync(roomId, afterSeq, beforeSeq, limit + 1, cancellationToken), events);
        return (events.Take(limit), events.Count > limit);
    }

    private async Task<(IEnumerable<NumberedEvent> Events, bool HasMore)> TakeNewestAsync(
        string roomId, HotSlice slice, long beforeSeq, int limit, CancellationToken cancellationToken)
    {
        var events = Positions(slice);
        var isWhole = events is [var first, ..] && IsContiguous(events, first.Seq - 1) && (events.Count > limit || first.Seq == slice.FirstSeq);
        if (!isWhole)
        {
            try
            {
                events = Merge(await stored.ReadNewestAsync(roomId, 0, beforeSeq, limit + 1, cancellationToken), events);
            }
            catch (ChatException failure) when (events.Count > 0)
            {
                // Going back from the present, the hot part is a true page: only its older neighbours have to wait.
                Log.HotPartAlone(logger, roomId, failure.Message);
                return (events.TakeLast(limit), events.Count > limit || events[0].Seq > 1);
            }
        }
        return (events.TakeLast(limit), events.Count > limit);
    }

    private async Task<RoomBounds> GetBoundsAsync(string roomId, HotSlice slice, CancellationToken cancellationToken)
    {
        if (slice is { Head: { } head, FirstSeq: > 0 })
            return new RoomBounds(head, slice.Epoch, slice.FirstSeq) { AccessVersion = slice.IsCurrent ? slice.AccessVersion : null };
        if (slice.Head is not { } known)
        {
            var bounds = await stored.GetBoundsAsync(roomId, cancellationToken);
            return bounds.HeadSeq > 0 ? bounds : new RoomBounds(0, await GetEpochAsync(cancellationToken), 0);
        }
        // Nothing of the room is persisted, or nothing that this server was told of: the oldest that can be found.
        var first = slice.Events is [var oldest, ..] ? oldest.Event.Seq : known;
        try
        {
            if (await stored.GetBoundsAsync(roomId, cancellationToken) is { FirstSeq: > 0 } persisted)
                first = persisted.FirstSeq;
        }
        catch (ChatException failure)
        {
            Log.HotPartAlone(logger, roomId, failure.Message);
        }
        return new RoomBounds(known, slice.Epoch, first) { AccessVersion = slice.IsCurrent ? slice.AccessVersion : null };
    }

    private async Task<int> GetEpochAsync(CancellationToken cancellationToken)
    {
        try
        {
            return (await epochs.GetAsync(cancellationToken)).Number;
        }
        catch (NumberingUnavailableException)
        {
            throw new ChatException(ErrorCodes.Unavailable, "The current epoch cannot be found now.", RetryAfterMs);
        }
    }

    private static async Task<HotSlice> ReadHotAsync(Task<HotSlice> read)
    {
        try
        {
            return await read;
        }
        catch (Exception failure) when (IsAway(failure))
        {
            throw new ChatException(ErrorCodes.Unavailable, "The newest events cannot be reached now.", RetryAfterMs);
        }
    }

    private async Task<HotSlice> ReadHotOrNothingAsync(Task<HotSlice> read)
    {
        try
        {
            return await read;
        }
        catch (Exception failure) when (IsAway(failure))
        {
            // Pages of what is persisted are exact without Redis; only the newest events are missing.
            Log.StoredPartAlone(logger, failure.Message);
            return new HotSlice(null, 0, 0, 0, []);
        }
    }

    private static bool IsAway(Exception failure) => failure is RedisException or RedisCommandException or TimeoutException or ObjectDisposedException;

    private static List<NumberedEvent> Positions(HotSlice slice) => [.. slice.Events.Select(e => e.Event)];

    private static List<NumberedEvent> Merge(IReadOnlyList<NumberedEvent> older, IReadOnlyList<NumberedEvent> newer) =>
        [.. older.Concat(newer).DistinctBy(e => e.Seq).OrderBy(e => e.Seq)];

    private static bool IsContiguous(List<NumberedEvent> events, long afterSeq)
    {
        for (var i = 0; i < events.Count; i++)
        {
            if (events[i].Seq != afterSeq + i + 1)
                return false;
        }
        return true;
    }

    private static partial class Log
    {
        [LoggerMessage(2201, LogLevel.Warning, "History of room {RoomId} is not contiguous after {AfterSeq} up to {HeadSeq}: {Count} events were found")]
        public static partial void NotContiguous(ILogger logger, string roomId, long afterSeq, long headSeq, int count);

        [LoggerMessage(2202, LogLevel.Debug, "Room {RoomId} is read from the hot stream alone: {Reason}")]
        public static partial void HotPartAlone(ILogger logger, string roomId, string reason);

        [LoggerMessage(2203, LogLevel.Debug, "A page comes from Postgres alone: {Reason}")]
        public static partial void StoredPartAlone(ILogger logger, string reason);
    }
}
