using Chat.Contracts;
using Chat.Data.History;
using Microsoft.Extensions.Logging;
using StackExchange.Redis;

namespace Chat.Data.Numbering;

/// <summary>An event that is in the log and waits for its number.</summary>
/// <param name="OtherIds">Ids of the same client_id on the neighbouring UTC days.</param>
/// <param name="AccessVersion">Access version that the event brings; 0 when it changes nothing.</param>
/// <param name="TimestampMs">Timestamp of the envelope, Unix milliseconds.</param>
/// <param name="Body">The envelope without seq and epoch, UTF-8.</param>
public sealed record PendingEvent(Guid EventId, IReadOnlyList<Guid> OtherIds, long AccessVersion, long TimestampMs, ReadOnlyMemory<byte> Body);

/// <summary>The number of an event.</summary>
/// <param name="EventId">The id that holds the number: of the first send, when this was a repeat.</param>
/// <param name="Known">True when the id had its number already: nothing was appended or published.</param>
public readonly record struct EventNumber(Guid EventId, long Seq, int Epoch, long TimestampMs, bool Known);

/// <summary>
/// Numbers the events of a room with one atomic script: known id → its number, else head + 1, appended to the hot stream, remembered, published.
/// A second call with the same events changes nothing and answers the same.
/// </summary>
public sealed partial class RoomNumbering(IConnectionMultiplexer redis, EpochStore epochs, EventStore stored, ILogger<RoomNumbering> logger)
{
    // One refusal is normal after a takeover, a second one when another process took over meanwhile; more means that epochs change faster than we call.
    private const int MaxAttempts = 4;

    /// <summary>
    /// Numbers <paramref name="events"/> in their order. Throws <see cref="NumberingUnavailableException"/> when Redis or the epoch cannot be
    /// reached; the outcome is then unknown and the same events are to be handed in again first.
    /// </summary>
    public async Task<IReadOnlyList<EventNumber>> NumberAsync(string roomId, int createdEpoch, IReadOnlyList<PendingEvent> events, CancellationToken cancellationToken)
    {
        if (events.Count == 0)
            return [];
        var script = await epochs.GetScriptAsync(cancellationToken);
        IReadOnlyDictionary<Guid, EventNumber>? persisted = null;
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                if (persisted is not { Count: > 0 })
                    return await script.CallAsync(redis.GetDatabase(), roomId, createdEpoch, events);
                return await NumberTheRestAsync(script, roomId, createdEpoch, events, persisted);
            }
            catch (RedisServerException refusal) when (IsRefusal(refusal, out var seen) && attempt < MaxAttempts)
            {
                Log.Refused(logger, roomId, refusal.Message);
                script = await epochs.ReplaceAsync(script.Epoch, seen, cancellationToken);
                // This server may have forgotten events that had a number in an earlier epoch: Postgres remembers those that it has.
                persisted = await FindPersistedAsync(events, cancellationToken);
            }
            catch (Exception failure) when (failure is RedisException or RedisCommandException or TimeoutException or ObjectDisposedException)
            {
                throw new NumberingUnavailableException($"Redis did not number events of room {roomId}: {failure.Message}", failure);
            }
        }
    }

    /// <summary>The numbers of ids that are known here; null for each that is not. One round trip.</summary>
    public async Task<IReadOnlyList<EventNumber?>> LookUpAsync(string roomId, IReadOnlyList<Guid> eventIds, CancellationToken cancellationToken)
    {
        if (eventIds.Count == 0)
            return [];
        var prefix = RedisKeys.IdPrefix(roomId);
        RedisValue[] values;
        try
        {
            values = await redis.GetDatabase().StringGetAsync([.. eventIds.Select(id => (RedisKey)(prefix + id.ToString("N")))]).WaitAsync(cancellationToken);
        }
        catch (Exception failure) when (failure is RedisException or RedisCommandException or TimeoutException or ObjectDisposedException)
        {
            throw new NumberingUnavailableException($"Redis did not say which events of room {roomId} it knows: {failure.Message}", failure);
        }
        return [.. values.Select((value, i) => ParseKnown(eventIds[i], value))];
    }

    private async Task<IReadOnlyList<EventNumber>> NumberTheRestAsync(
        NumberingScript script, string roomId, int createdEpoch, IReadOnlyList<PendingEvent> events, IReadOnlyDictionary<Guid, EventNumber> persisted)
    {
        var rest = events.Where(pending => Persisted(pending, persisted) is null).ToList();
        var numbers = rest.Count == 0 ? [] : await script.CallAsync(redis.GetDatabase(), roomId, createdEpoch, rest);
        var next = 0;
        return [.. events.Select(pending => Persisted(pending, persisted) ?? numbers[next++])];
    }

    private async Task<IReadOnlyDictionary<Guid, EventNumber>> FindPersistedAsync(IReadOnlyList<PendingEvent> events, CancellationToken cancellationToken)
    {
        try
        {
            return await stored.FindAsync([.. events.SelectMany(pending => pending.OtherIds.Prepend(pending.EventId))], cancellationToken);
        }
        catch (ChatException failure)
        {
            throw new NumberingUnavailableException("A new epoch began and Postgres cannot say which events had a number before.", failure);
        }
    }

    private static EventNumber? Persisted(PendingEvent pending, IReadOnlyDictionary<Guid, EventNumber> persisted)
    {
        foreach (var id in pending.OtherIds.Prepend(pending.EventId))
        {
            if (persisted.TryGetValue(id, out var number))
                return number;
        }
        return null;
    }

    private static bool IsRefusal(RedisServerException failure, out int seen)
    {
        seen = -1;
        if (failure.Message.StartsWith("NOSCRIPT", StringComparison.Ordinal))
            return true;
        if (!failure.Message.StartsWith("WRONGEPOCH ", StringComparison.Ordinal))
            return false;
        var words = failure.Message.Split(' ', 3);
        return int.TryParse(words[1], out seen);
    }

    private static EventNumber? ParseKnown(Guid eventId, RedisValue value)
    {
        var words = ((string?)value)?.Split(' ');
        return words is [var seq, var epoch, var timestamp]
            ? new EventNumber(eventId, long.Parse(seq), int.Parse(epoch), long.Parse(timestamp), Known: true)
            : null;
    }

    private static partial class Log
    {
        [LoggerMessage(2110, LogLevel.Information, "Redis refused to number events of room {RoomId}: {Reason}")]
        public static partial void Refused(ILogger logger, string roomId, string reason);
    }
}

/// <summary>Numbering cannot be done now; whether it was done is unknown.</summary>
public sealed class NumberingUnavailableException(string message, Exception? inner = null) : Exception(message, inner);
