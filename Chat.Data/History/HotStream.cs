using System.Globalization;
using Chat.Contracts;
using Chat.Data.Numbering;
using StackExchange.Redis;

namespace Chat.Data.History;

/// <summary>What Redis has of a room, read in one step: the head and a stretch of events up to it.</summary>
/// <param name="Head">Null when Redis does not know the room.</param>
/// <param name="FirstSeq">Oldest event of the whole history, 0 when Redis does not know it.</param>
/// <param name="Persisted">Up to this number Postgres has everything, as far as Redis was told.</param>
/// <param name="AccessVersion">The highest access version that an event up to the head has brought.</param>
/// <param name="IsCurrent">False when the room has no number of the current epoch: Redis may have an older state of it than Postgres.</param>
public sealed record HotSlice(
    long? Head, int Epoch, long FirstSeq, long Persisted, IReadOnlyList<HotEvent> Events, long AccessVersion = 0, bool IsCurrent = false);

/// <summary>An event of the hot stream.</summary>
public readonly record struct HotEvent(NumberedEvent Event, Guid EventId, long TimestampMs);

/// <summary>How long Redis is to remember an id from now on; it never lives longer than it would have.</summary>
public readonly record struct IdLife(Guid EventId, TimeSpan Left);

/// <summary>
/// The newest events of each room in Redis. Head and events are read by one script, so that an event up to the head is never missed;
/// what is older than the stream has been persisted before it was trimmed.
/// </summary>
public sealed class HotStream(IConnectionMultiplexer redis, EpochGuards guards)
{
    private const string Fields = "redis.call('HMGET', KEYS[1], 'head', 'epoch', 'first', 'persisted', 'access')";
    private const string Guard = "redis.call('GET', KEYS[3])";
    private const string ReadOldest = $"return {{{Fields}, redis.call('XRANGE', KEYS[2], ARGV[1], ARGV[2], 'COUNT', ARGV[3]), {Guard}}}";
    private const string ReadNewest = $"return {{{Fields}, redis.call('XREVRANGE', KEYS[2], ARGV[2], ARGV[1], 'COUNT', ARGV[3]), {Guard}}}";

    // KEYS: head, stream, then keys of known ids. ARGV: persisted ('' when there is nothing to mark), first ('' when it is not known), events to keep,
    // then what each id has left to live, in ms. The persisted mark only rises; without a head there is nothing to mark (a server that lost its data).
    // What frees memory comes first: a Redis that is full refuses only the rest.
    private const string Mark = """
        for i = 4, #ARGV do redis.call('PEXPIRE', KEYS[i - 1], ARGV[i], 'LT') end
        if ARGV[1] == '' then return 0 end
        local room = redis.call('HMGET', KEYS[1], 'head', 'persisted')
        local head, persisted, copied = tonumber(room[1]), tonumber(room[2]) or 0, tonumber(ARGV[1])
        if not head then return 0 end
        local keep = math.min(math.max(persisted, copied) + 1, head - tonumber(ARGV[3]) + 1)
        if keep > 1 then redis.call('XTRIM', KEYS[2], 'MINID', string.format('%.0f', keep)) end
        if copied > persisted then redis.call('HSET', KEYS[1], 'persisted', ARGV[1]) end
        if ARGV[2] ~= '' then redis.call('HSET', KEYS[1], 'first', ARGV[2]) end
        return 1
        """;

    /// <summary>Events that stay in Redis although Postgres has them.</summary>
    public const int KeptEvents = 128;

    /// <summary>The oldest events between the two numbers (both exclusive), ascending. Throws <see cref="RedisException"/> or <see cref="TimeoutException"/>.</summary>
    public Task<HotSlice> ReadOldestAsync(string roomId, long afterSeq, long beforeSeq, int limit, CancellationToken cancellationToken) =>
        ReadAsync(ReadOldest, descending: false, roomId, afterSeq, beforeSeq, limit, cancellationToken);

    /// <summary>The newest events between the two numbers (both exclusive), ascending. Throws as <see cref="ReadOldestAsync"/>.</summary>
    public Task<HotSlice> ReadNewestAsync(string roomId, long afterSeq, long beforeSeq, int limit, CancellationToken cancellationToken) =>
        ReadAsync(ReadNewest, descending: true, roomId, afterSeq, beforeSeq, limit, cancellationToken);

    /// <summary>
    /// The oldest events after a number, and nothing else of the room: one plain command, for who needs no head with them.
    /// Throws as <see cref="ReadOldestAsync"/>.
    /// </summary>
    public async Task<IReadOnlyList<HotEvent>> ReadAfterAsync(string roomId, long afterSeq, int limit, CancellationToken cancellationToken)
    {
        var entries = await redis.GetDatabase()
            .StreamRangeAsync(RedisKeys.Stream(roomId), afterSeq <= 0 ? "-" : $"({Id(afterSeq)}", "+", limit).WaitAsync(cancellationToken);
        return Array.ConvertAll(entries, ParseEntry);
    }

    /// <summary>
    /// Says that Postgres has everything up to <paramref name="persistedSeq"/> (null: nothing new), and forgets what is both persisted and old.
    /// <paramref name="firstSeq"/> is the oldest event of the history, where the caller knows it. The <paramref name="ids"/> live no longer than they say.
    /// One call, in which Redis serves nobody else: the caller bounds the ids.
    /// </summary>
    public Task MarkPersistedAsync(string roomId, long? persistedSeq, long? firstSeq, IReadOnlyList<IdLife>? ids = null)
    {
        ids ??= [];
        var keys = new RedisKey[2 + ids.Count];
        var values = new RedisValue[3 + ids.Count];
        (keys[0], keys[1]) = (RedisKeys.Head(roomId), RedisKeys.Stream(roomId));
        (values[0], values[1], values[2]) = (persistedSeq ?? RedisValue.EmptyString, firstSeq ?? RedisValue.EmptyString, KeptEvents);
        var prefix = RedisKeys.IdPrefix(roomId);
        for (var i = 0; i < ids.Count; i++)
        {
            keys[2 + i] = prefix + ids[i].EventId.ToString("N");
            values[3 + i] = (long)ids[i].Left.TotalMilliseconds;
        }
        return redis.GetDatabase().ScriptEvaluateAsync(Mark, keys, values);
    }

    private async Task<HotSlice> ReadAsync(
        string script, bool descending, string roomId, long afterSeq, long beforeSeq, int limit, CancellationToken cancellationToken)
    {
        RedisValue[] range = [afterSeq <= 0 ? "-" : $"({Id(afterSeq)}", beforeSeq == long.MaxValue ? "+" : $"({Id(Math.Max(beforeSeq, 1))}", limit];
        var reply = await redis.GetDatabase().ScriptEvaluateAsync(script, [.. Keys(roomId), guards.Of(roomId)], range).WaitAsync(cancellationToken);
        var fields = reply[0];
        var entries = reply[1];
        var events = new HotEvent[entries.Length];
        for (var i = 0; i < events.Length; i++)
            events[descending ? events.Length - 1 - i : i] = ParseEntry(entries[i]);
        // A guard that is not there ends the reply before it.
        var isCurrent = reply.Length > 2 && (string?)reply[2] is { } guard && guard == (string?)fields[1];
        return new HotSlice(
            (long?)fields[0], (int?)fields[1] ?? 0, (long?)fields[2] ?? 0, (long?)fields[3] ?? 0, events, (long?)fields[4] ?? 0, isCurrent);
    }

    private static HotEvent ParseEntry(RedisResult entry)
    {
        var fields = entry[1];
        var values = new NameValueEntry[fields.Length / 2];
        for (var i = 0; i < values.Length; i++)
            values[i] = new NameValueEntry((RedisValue)fields[2 * i], (RedisValue)fields[2 * i + 1]);
        return ParseEntry(new StreamEntry((RedisValue)entry[0], values));
    }

    private static HotEvent ParseEntry(StreamEntry entry)
    {
        var id = (string)entry.Id!;
        var seq = long.Parse(id.AsSpan(0, id.IndexOf('-')), NumberStyles.None, CultureInfo.InvariantCulture);
        var (eventId, timestamp, epoch, body) = (Guid.Empty, 0L, 0, Array.Empty<byte>());
        foreach (var field in entry.Values)
        {
            switch ((string?)field.Name)
            {
                case "i": eventId = Guid.ParseExact((string)field.Value!, "N"); break;
                case "t": timestamp = (long)field.Value; break;
                case "e": epoch = (int)field.Value; break;
                case "b": body = (byte[])field.Value!; break;
                default: break; // a field of a later version
            }
        }
        return new HotEvent(new NumberedEvent(seq, epoch, body), eventId, timestamp);
    }

    private static RedisKey[] Keys(string roomId) => [RedisKeys.Head(roomId), RedisKeys.Stream(roomId)];

    private static string Id(long seq) => seq.ToString(CultureInfo.InvariantCulture) + "-0";
}
