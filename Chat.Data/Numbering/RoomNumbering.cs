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
public sealed record PendingEvent(Guid EventId, IReadOnlyList<Guid> OtherIds, long AccessVersion, long TimestampMs, ReadOnlyMemory<byte> Body)
{
    /// <summary>
    /// The epoch that was current before the event's ids were found unknown. In a later one Redis may have forgotten them since, and Postgres is asked.
    /// </summary>
    public int UnknownIn { get; init; }
}

/// <summary>The number of an event.</summary>
/// <param name="EventId">The id that holds the number: of the first send, when this was a repeat.</param>
/// <param name="Known">True when the id had its number already: nothing was appended or published.</param>
public readonly record struct EventNumber(Guid EventId, long Seq, int Epoch, long TimestampMs, bool Known);

/// <summary>
/// Numbers the events of a room with one atomic script: known id → its number, else head + 1, appended to the hot stream, remembered, published.
/// A second call with the same events changes nothing and answers the same, also in a later epoch.
/// </summary>
public sealed partial class RoomNumbering(
    IRedisCommands redis, EpochStore epochs, EpochGuards guards, OpenPartitions open, EventStore stored, ILogger<RoomNumbering> logger)
{
    // One refusal is normal after a takeover, a second one when another process took over meanwhile; more means that epochs change faster than we call.
    private const int MaxAttempts = 4;
    private static readonly IReadOnlyDictionary<Guid, EventNumber> None = new Dictionary<Guid, EventNumber>();
    // Of one call: the caller repeats it.
    private static readonly TimeSpan ClosedPatience = TimeSpan.FromSeconds(3);

    /// <summary>
    /// Numbers <paramref name="events"/> in their order, once the room's partition is open. Throws <see cref="NumberingUnavailableException"/> when Redis or
    /// the epoch cannot be reached or the partition stays closed; the outcome is then unknown and the same events are to be handed in again first.
    /// </summary>
    public async Task<IReadOnlyList<EventNumber>> NumberAsync(string roomId, int createdEpoch, IReadOnlyList<PendingEvent> events, CancellationToken cancellationToken)
    {
        if (events.Count == 0)
            return [];
        for (var attempt = 1; ; attempt++)
        {
            // Openness is looked at in the same epoch as is called: what is open there stays so, and in any other the script refuses.
            var script = await epochs.GetScriptAsync(cancellationToken);
            while (!open.Has(LogTopics.PartitionOf(roomId), script.Epoch))
            {
                if (!await open.WaitAsync(roomId, ClosedPatience, cancellationToken))
                    throw new NumberingUnavailableException($"Epoch {epochs.Known} has begun and what is in the log of room {roomId} is not numbered again yet.");
                script = await epochs.GetScriptAsync(cancellationToken);
            }
            try
            {
                var forgotten = events.Where(pending => pending.UnknownIn < script.Epoch).ToList();
                var persisted = forgotten.Count == 0 ? None : await FindPersistedAsync(forgotten, cancellationToken);
                var numbers = await NumberTheRestAsync(script, roomId, createdEpoch, events, persisted);
                return await CorrectAsync(numbers, persisted, script.Epoch, cancellationToken);
            }
            catch (RedisServerException refusal) when (NumberingScript.IsRefusal(refusal, out var seen) && attempt < MaxAttempts)
            {
                Log.Refused(logger, roomId, refusal.Message);
                await epochs.ReplaceAsync(script.Epoch, seen, cancellationToken);
            }
            catch (Exception failure) when (IsAway(failure))
            {
                throw new NumberingUnavailableException($"Redis did not number events of room {roomId}: {failure.Message}", failure);
            }
        }
    }

    /// <summary>
    /// For the persister: numbers in <paramref name="epoch"/> or not at all, also in a closed partition. Throws <see cref="EpochEndedException"/> when Redis
    /// is in another epoch, and <see cref="NumberingUnavailableException"/>.
    /// </summary>
    public async Task<IReadOnlyList<EventNumber>> NumberInAsync(
        int epoch, string roomId, int createdEpoch, IReadOnlyList<PendingEvent> events, CancellationToken cancellationToken)
    {
        var script = await epochs.GetScriptAsync(cancellationToken);
        if (script.Epoch != epoch)
            throw new EpochEndedException(epoch);
        try
        {
            return await script.CallAsync(redis, guards.Of(roomId), roomId, createdEpoch, events);
        }
        catch (RedisServerException refusal) when (NumberingScript.IsRefusal(refusal, out var seen))
        {
            Log.Refused(logger, roomId, refusal.Message);
            await epochs.ReplaceAsync(epoch, seen, cancellationToken);
            throw new EpochEndedException(epoch, refusal);
        }
        catch (Exception failure) when (IsAway(failure))
        {
            throw new NumberingUnavailableException($"Redis did not number events of room {roomId}: {failure.Message}", failure);
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
            values = (RedisValue[])(await redis.RunAsync(new RedisCommand("MGET", [], [.. eventIds.Select(id => prefix + id.ToString("N"))], [])).WaitAsync(cancellationToken))!;
        }
        catch (Exception failure) when (IsAway(failure))
        {
            throw new NumberingUnavailableException($"Redis did not say which events of room {roomId} it knows: {failure.Message}", failure);
        }
        return [.. values.Select((value, i) => ParseKnown(eventIds[i], value))];
    }

    private async Task<IReadOnlyList<EventNumber>> NumberTheRestAsync(
        NumberingScript script, string roomId, int createdEpoch, IReadOnlyList<PendingEvent> events, IReadOnlyDictionary<Guid, EventNumber> persisted)
    {
        var rest = events.Where(pending => Persisted(pending, persisted) is null).ToList();
        var numbers = rest.Count == 0 ? [] : await script.CallAsync(redis, guards.Of(roomId), roomId, createdEpoch, rest);
        var next = 0;
        return [.. events.Select(pending => Persisted(pending, persisted) ?? numbers[next++])];
    }

    private Task<IReadOnlyDictionary<Guid, EventNumber>> FindPersistedAsync(IReadOnlyList<PendingEvent> events, CancellationToken cancellationToken) =>
        FindPersistedAsync([.. events.SelectMany(pending => pending.OtherIds.Prepend(pending.EventId))], cancellationToken);

    // A number of an earlier epoch may come from an older copy of Redis' data. In an open partition all numbers that count are in Postgres.
    private async Task<IReadOnlyList<EventNumber>> CorrectAsync(
        IReadOnlyList<EventNumber> numbers, IReadOnlyDictionary<Guid, EventNumber> persisted, int epoch, CancellationToken cancellationToken)
    {
        var old = numbers.Where(number => number.Epoch < epoch && !persisted.ContainsKey(number.EventId)).Select(number => number.EventId).ToList();
        if (old.Count == 0)
            return numbers;
        var right = await FindPersistedAsync(old, cancellationToken);
        return [.. numbers.Select(number => right.TryGetValue(number.EventId, out var correct) ? correct : number)];
    }

    private async Task<IReadOnlyDictionary<Guid, EventNumber>> FindPersistedAsync(IReadOnlyList<Guid> eventIds, CancellationToken cancellationToken)
    {
        try
        {
            return await stored.FindTogetherAsync(eventIds, cancellationToken);
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

    private static bool IsAway(Exception failure) => failure is RedisException or RedisCommandException or TimeoutException or ObjectDisposedException;

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

/// <summary>Redis does not number in the epoch any more; nothing was numbered by this call.</summary>
public sealed class EpochEndedException(int epoch, Exception? inner = null) : Exception($"Epoch {epoch} of the numbering has ended.", inner);
