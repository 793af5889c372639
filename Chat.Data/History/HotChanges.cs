using System.Globalization;
using Chat.Contracts;
using StackExchange.Redis;

namespace Chat.Data.History;

/// <summary>Changes that the hot stream has after a number.</summary>
/// <param name="IsWhole">The stream has every event from that number on, so no other place has to be asked.</param>
public sealed record HotChangeList(bool IsWhole, IReadOnlyList<MessageChange> Changes);

/// <summary>
/// The events of the hot stream that are about others. Redis picks them out by a piece of text that stands in no other event, so that a few
/// bytes travel and not the stream; what they mean is read here.
/// </summary>
public sealed class HotChanges(IConnectionMultiplexer redis)
{
    // One call keeps Redis for about a millisecond. 64 of them reach over any backlog that a running persister leaves.
    private const int EventsPerCall = 1_000;
    private const int MaxCalls = 64;
    private const int RetryAfterMs = 1_000;

    // KEYS: head, stream. ARGV: the number to start after, or '' for what is not known to be persisted; entries to look at.
    // Reply: how many were looked at, the first and the last number of them ('' when none), then number, epoch and body of each change.
    // A quote inside a string is escaped, so these names stand only where a field begins.
    private const string Script = """
        local after = ARGV[1]
        if after == '' then after = redis.call('HGET', KEYS[1], 'persisted') or '0' end
        local entries = redis.call('XRANGE', KEYS[2], '(' .. after .. '-0', '+', 'COUNT', ARGV[2])
        if #entries == 0 then return {0, '', ''} end
        local found = {#entries, string.match(entries[1][1], '%d+'), string.match(entries[#entries][1], '%d+')}
        for _, entry in ipairs(entries) do
          local epoch, body = '0', ''
          for i = 1, #entry[2], 2 do
            if entry[2][i] == 'e' then epoch = entry[2][i + 1] elseif entry[2][i] == 'b' then body = entry[2][i + 1] end
          end
          if string.find(body, '"target_id":"', 1, true) or string.find(body, '"reply_to":"', 1, true) then
            found[#found + 1] = string.match(entry[1], '%d+')
            found[#found + 1] = epoch
            found[#found + 1] = body
          end
        end
        return found
        """;

    /// <summary>
    /// The changes after <paramref name="afterSeq"/>, or with null those that Postgres is not known to have. Throws <see cref="RedisException"/> or
    /// <see cref="TimeoutException"/>; <c>unavailable</c> when more events wait to be persisted than can be looked through.
    /// </summary>
    public async Task<HotChangeList> ReadAsync(string roomId, long? afterSeq, CancellationToken cancellationToken)
    {
        var changes = new List<MessageChange>();
        var (start, last, isWhole) = (afterSeq is { } after ? Text(Math.Max(after, 0)) : "", afterSeq, true);
        for (var call = 0; call < MaxCalls; call++)
        {
            var reply = await redis.GetDatabase()
                .ScriptEvaluateAsync(Script, [RedisKeys.Head(roomId), RedisKeys.Stream(roomId)], [start, EventsPerCall]).WaitAsync(cancellationToken);
            var count = (int)reply[0];
            if (count == 0) return new HotChangeList(isWhole, changes);
            var (from, to) = ((long)reply[1], (long)reply[2]);
            // A jump is a new epoch, or what a copy of Redis' data has lost.
            isWhole &= (last is null || from == last + 1) && to - from + 1 == count;
            (start, last) = ((string)reply[2]!, to);
            for (var i = 3; i + 2 < reply.Length; i += 3)
            {
                if (MessageChange.Read(new NumberedEvent((long)reply[i], (int)reply[i + 1], (byte[])reply[i + 2]!)) is { } change) changes.Add(change);
            }
            if (count < EventsPerCall) return new HotChangeList(isWhole, changes);
        }
        throw new ChatException(ErrorCodes.Unavailable, "Too many events of this room wait to be stored.", RetryAfterMs);
    }

    private static string Text(long seq) => seq.ToString(CultureInfo.InvariantCulture);
}
