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

    // The persisted mark only rises; without a head there is nothing to mark (a server that lost its data).
    private const string Trim = """
        local room = redis.call('HMGET', KEYS[1], 'head', 'persisted')
        local head, persisted, copied = tonumber(room[1]), tonumber(room[2]) or 0, tonumber(ARGV[1])
        if not head then return 0 end
        if copied > persisted then
          persisted = copied
          redis.call('HSET', KEYS[1], 'persisted', ARGV[1])
        end
        if ARGV[2] ~= '' then redis.call('HSET', KEYS[1], 'first', ARGV[2]) end
        local keep = math.min(persisted + 1, head - tonumber(ARGV[3]) + 1)
        if keep <= 1 then return 0 end
        return redis.call('XTRIM', KEYS[2], 'MINID', string.format('%.0f', keep))
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
    /// Says that Postgres has everything up to <paramref name="persistedSeq"/>, and forgets what is both persisted and old.
    /// <paramref name="firstSeq"/> is the oldest event of the history, where the caller knows it.
    /// </summary>
    public Task MarkPersistedAsync(string roomId, long persistedSeq, long? firstSeq) =>
        redis.GetDatabase().ScriptEvaluateAsync(Trim, Keys(roomId), [persistedSeq, firstSeq is { } first ? first : RedisValue.EmptyString, KeptEvents]);

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
        var id = (string)entry[0]!;
        var seq = long.Parse(id.AsSpan(0, id.IndexOf('-')), NumberStyles.None, CultureInfo.InvariantCulture);
        var fields = entry[1];
        var (eventId, timestamp, epoch, body) = (Guid.Empty, 0L, 0, Array.Empty<byte>());
        for (var i = 0; i + 1 < fields.Length; i += 2)
        {
            switch ((string?)fields[i])
            {
                case "i": eventId = Guid.ParseExact((string)fields[i + 1]!, "N"); break;
                case "t": timestamp = (long)fields[i + 1]; break;
                case "e": epoch = (int)fields[i + 1]; break;
                case "b": body = (byte[])fields[i + 1]!; break;
                default: break; // a field of a later version
            }
        }
        return new HotEvent(new NumberedEvent(seq, epoch, body), eventId, timestamp);
    }

    private static RedisKey[] Keys(string roomId) => [RedisKeys.Head(roomId), RedisKeys.Stream(roomId)];

    private static string Id(long seq) => seq.ToString(CultureInfo.InvariantCulture) + "-0";
}
