using Chat.Data.History;
using Chat.Data.Writing;
using StackExchange.Redis;

namespace Chat.Persister;

/// <summary>
/// After the commit: lets Redis forget. The hot stream keeps its newest events, the rest of it only as long as Postgres does not have it;
/// ids live on as long as a sender may repeat itself without Postgres being asked. Missing a call costs memory, never an event, so Redis is told of a room
/// at most every few seconds, together of all that was persisted meanwhile; a room that has got many events, or much that waits in all rooms, is told at once.
/// </summary>
internal sealed partial class PersistedMarks(HotStream hot, TimeProvider time, ILogger<PersistedMarks> logger)
{
    // Meanwhile Redis keeps what a room gets in that time, up to MaxUntold events, beyond what it keeps anyway.
    private static readonly TimeSpan Rest = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan Look = TimeSpan.FromSeconds(1);
    private const int MaxUntold = HotStream.KeptEvents / 2;
    // Of all rooms together, at 24 bytes each.
    private const int MaxWaiting = 10_000;
    // A call with so many takes Redis about 50 µs.
    private const int MaxIdsPerCall = 64;
    private const int MaxRoomsAtOnce = 64;

    // Without a client_id nobody repeats it, and for a UUIDv7 older than 30 minutes Postgres is asked; any other client_id may come again for a day.
    private const long ShortLifeMs = 60 * 60 * 1000;
    private const long LongLifeMs = 24 * ShortLifeMs;
    // Whoever has just looked an id up may still be about to use the answer.
    private const long LeastLifeMs = 60 * 1000;
    // Of a record from a clock that is far ahead: Redis would refuse a time beyond what it can count.
    private const long MostLifeMs = 30 * LongLifeMs;

    private readonly Lock _gate = new();
    private readonly Dictionary<string, RoomMark> _marks = [];
    private int _waiting;

    /// <summary>Remembers what a batch has brought to Postgres, and tells Redis where that cannot wait. Never fails: what Redis does not take comes with the next marks.</summary>
    public async Task SetAsync(NumberedBatch batch, RoomCopies copies)
    {
        var due = new List<RoomMark>();
        lock (_gate)
        {
            foreach (var copy in copies.Rooms)
            {
                if (copy.Rows.Count == 0)
                    continue;
                var mark = MarkOf(copy.RoomId);
                mark.Rise(copy.Rows[^1].Seq, copy.After.Seq == 0 ? copy.Rows[0].Seq : null, copy.Rows.Count);
                if (mark.Untold >= MaxUntold)
                    due.Add(mark);
            }
            if (copies.IsWhole)
                AddIds(batch.Records);
            if (_waiting >= MaxWaiting)
                due = [.. _marks.Values];
            Take(due);
        }
        await TellAsync(due);
    }

    /// <summary>Tells Redis of the rooms that have waited long enough, until it is cancelled. What waits then is left to <see cref="TellAllAsync"/>.</summary>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        while (!cancellationToken.IsCancellationRequested)
        {
            await Task.Delay(Look, time, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            await TellDueAsync();
        }
    }

    public Task TellDueAsync() => TellAsync(Take(mark => time.GetElapsedTime(mark.Since) >= Rest));

    public Task TellAllAsync() => TellAsync(Take(_ => true));

    private void AddIds(IReadOnlyList<NumberedRecord> records)
    {
        foreach (var numbered in records)
        {
            // Only Postgres knew it: Redis has no id of it.
            if (numbered.IsPersisted)
                continue;
            // An id of its own on each UTC day says that the client_id is no UUIDv7.
            var life = numbered.Record.Event.OtherIds.Count > 0 ? LongLifeMs : ShortLifeMs;
            MarkOf(numbered.Record.RoomId).Ids.Add(new EndingId(numbered.Number.EventId, numbered.Record.Event.TimestampMs + life));
            _waiting++;
        }
    }

    private RoomMark MarkOf(string roomId)
    {
        if (!_marks.TryGetValue(roomId, out var mark))
            _marks[roomId] = mark = new RoomMark(roomId, time.GetTimestamp());
        return mark;
    }

    private List<RoomMark> Take(Func<RoomMark, bool> isDue)
    {
        lock (_gate)
        {
            var due = _marks.Values.Where(isDue).ToList();
            Take(due);
            return due;
        }
    }

    private void Take(List<RoomMark> marks)
    {
        foreach (var mark in marks)
        {
            _marks.Remove(mark.RoomId);
            _waiting -= mark.Ids.Count;
        }
    }

    private async Task TellAsync(List<RoomMark> marks)
    {
        for (var at = 0; at < marks.Count; at += MaxRoomsAtOnce)
        {
            var some = marks.Slice(at, Math.Min(MaxRoomsAtOnce, marks.Count - at));
            var failures = await Task.WhenAll(some.Select(TryTellAsync));
            if (!Array.Exists(failures, failure => failure is not null))
                continue;
            Log.Missed(logger, failures.First(failure => failure is not null)!.Message);
            PutBack([.. some.Where((_, i) => failures[i] is not null)]);
            // What is refused to one room may be taken for another; a server that does not answer is not waited for once more.
            if (Array.TrueForAll(failures, failure => failure is null or RedisServerException))
                continue;
            PutBack(marks[(at + some.Count)..]);
            return;
        }
    }

    private async Task<Exception?> TryTellAsync(RoomMark mark)
    {
        try
        {
            var now = time.GetUtcNow().ToUnixTimeMilliseconds();
            var ids = mark.Ids.ConvertAll(id => new IdLife(id.EventId, TimeSpan.FromMilliseconds(Math.Clamp(id.EndMs - now, LeastLifeMs, MostLifeMs))));
            // The first call also moves the mark.
            await hot.MarkPersistedAsync(mark.RoomId, mark.Seq, mark.FirstSeq, ids.Slice(0, Math.Min(MaxIdsPerCall, ids.Count)));
            for (var at = MaxIdsPerCall; at < ids.Count; at += MaxIdsPerCall)
                await hot.MarkPersistedAsync(mark.RoomId, null, null, ids.Slice(at, Math.Min(MaxIdsPerCall, ids.Count - at)));
            return null;
        }
        catch (Exception failure) when (failure is RedisException or RedisCommandException or TimeoutException)
        {
            return failure;
        }
    }

    private void PutBack(List<RoomMark> marks)
    {
        lock (_gate)
        {
            foreach (var missed in marks)
            {
                // Beyond the bound they are forgotten: the ids live for a week then, and the room's next event moves its mark.
                if (_waiting + missed.Ids.Count > MaxWaiting)
                    continue;
                var mark = MarkOf(missed.RoomId);
                if (missed.Seq is { } seq)
                    mark.Rise(seq, missed.FirstSeq, missed.Untold);
                mark.Ids.AddRange(missed.Ids);
                _waiting += missed.Ids.Count;
            }
        }
    }

    private readonly record struct EndingId(Guid EventId, long EndMs);

    /// <summary>What Redis has not been told of a room.</summary>
    private sealed class RoomMark(string roomId, long since)
    {
        public string RoomId => roomId;

        public long Since => since;

        public long? Seq { get; private set; }

        public long? FirstSeq { get; private set; }

        public int Untold { get; private set; }

        public List<EndingId> Ids { get; } = [];

        public void Rise(long seq, long? firstSeq, int events)
        {
            Seq = Math.Max(seq, Seq ?? 0);
            FirstSeq ??= firstSeq;
            Untold += events;
        }
    }

    private static partial class Log
    {
        [LoggerMessage(4201, LogLevel.Information, "Redis could not be told what is persisted; it is told again in some seconds: {Reason}")]
        public static partial void Missed(ILogger logger, string reason);
    }
}
