using Chat.Contracts;
using Chat.Data.History;
using Chat.Data.Writing;
using StackExchange.Redis;

namespace Chat.Persister;

/// <summary>
/// After the commit: lets Redis forget. The hot stream keeps its newest events, the rest of it only as long as Postgres does not have it;
/// ids live on as long as a sender may repeat itself without Postgres being asked. Missing a call costs memory, never an event.
/// </summary>
internal sealed partial class PersistedMarks(IConnectionMultiplexer redis, HotStream hot, TimeProvider time, ILogger<PersistedMarks> logger)
{
    // Without a client_id nobody repeats it, and for a UUIDv7 older than 30 minutes Postgres is asked; any other client_id may come again for a day.
    private static readonly TimeSpan ShortLife = TimeSpan.FromHours(1);
    private static readonly TimeSpan LongLife = TimeSpan.FromHours(24);
    // Whoever has just looked an id up may still be about to use the answer.
    private static readonly TimeSpan LeastLife = TimeSpan.FromMinutes(1);

    public async Task SetAsync(NumberedBatch batch, IReadOnlyList<RoomCopy> copies)
    {
        try
        {
            var marks = copies.Where(copy => copy.Rows.Count > 0).Select(copy =>
                hot.MarkPersistedAsync(copy.RoomId, copy.Rows[^1].Seq, copy.After.Seq == 0 ? copy.Rows[0].Seq : null));
            await Task.WhenAll(marks.Concat(batch.Records.Select(ShortenAsync)));
        }
        catch (Exception failure) when (failure is RedisException or TimeoutException)
        {
            Log.Missed(logger, failure.Message);
        }
    }

    private Task ShortenAsync(NumberedRecord numbered)
    {
        // An id of its own on each UTC day says that the client_id is no UUIDv7.
        var life = numbered.Record.Event.OtherIds.Count > 0 ? LongLife : ShortLife;
        var age = time.GetUtcNow() - DateTimeOffset.FromUnixTimeMilliseconds(numbered.Record.Event.TimestampMs);
        var left = life - age;
        return redis.GetDatabase().KeyExpireAsync(
            RedisKeys.IdPrefix(numbered.Record.RoomId) + numbered.Number.EventId.ToString("N"),
            left > LeastLife ? left : LeastLife,
            ExpireWhen.LessThanCurrentExpiry);
    }

    private static partial class Log
    {
        [LoggerMessage(4201, LogLevel.Information, "Redis could not be told what is persisted; the next events of the rooms do it: {Reason}")]
        public static partial void Missed(ILogger logger, string reason);
    }
}
