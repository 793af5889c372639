using System.Text;
using System.Text.Json;
using Chat.Contracts;
using Chat.Data.History;
using Chat.Data.Model;
using Microsoft.EntityFrameworkCore;
using StackExchange.Redis;

namespace Chat.Realtime.Access;

/// <summary>Head of a room and the event at it; 0 and null in an empty room.</summary>
public readonly record struct NewestEvent(long HeadSeq, ChatEvent? Event);

/// <summary>
/// The newest event of many rooms: pipelined reads of Redis, and one statement for those rooms of which Redis does not have it. A list of rooms costs
/// a few round trips, however long it is.
/// </summary>
public sealed class NewestEvents(HotStream hot, UnitOfWork work)
{
    // Reads in flight at once: enough to fill a round trip, too few to delay the accept path.
    private const int BatchSize = 256;
    private const int RetryAfterMs = 1_000;

    /// <summary>Of each room, in their order. Throws <c>unavailable</c> when Redis cannot tell, or Postgres what Redis does not know.</summary>
    public async Task<IReadOnlyList<NewestEvent>> GetAsync(IReadOnlyList<string> roomIds, CancellationToken cancellationToken)
    {
        var slices = new List<HotSlice>(roomIds.Count);
        try
        {
            foreach (var batch in roomIds.Chunk(BatchSize))
                slices.AddRange(await Task.WhenAll(batch.Select(room => hot.ReadNewestAsync(room, 0, long.MaxValue, limit: 1, cancellationToken))));
        }
        catch (Exception e) when (e is RedisException or TimeoutException)
        {
            throw new ChatException(ErrorCodes.Unavailable, "The newest events cannot be reached now.", RetryAfterMs);
        }
        var missing = Enumerable.Range(0, roomIds.Count).Where(i => slices[i].Events.Count == 0).Select(i => roomIds[i]).ToArray();
        var stored = missing.Length == 0 ? [] : await StoredAsync(missing, cancellationToken);
        return [.. slices.Select((slice, i) => slice.Events is [.., var (newest, _, _)]
            ? new NewestEvent(Math.Max(slice.Head ?? 0, newest.Seq), Decode(newest))
            : stored.TryGetValue(roomIds[i], out var row)
                ? new NewestEvent(Math.Max(slice.Head ?? 0, row.Seq), Decode(new NumberedEvent(row.Seq, row.Epoch, Encoding.UTF8.GetBytes(row.Body))))
                : new NewestEvent(slice.Head ?? 0, null))];
    }

    private Task<Dictionary<string, Row>> StoredAsync(string[] roomIds, CancellationToken cancellationToken) =>
        work.RunAsync((db, token) => db.Database.SqlQuery<Row>(
            $"""
            select q.room_id as "RoomId", e.seq as "Seq", e.epoch as "Epoch", e.body as "Body" from unnest({roomIds}) as q(room_id)
            cross join lateral (select seq, epoch, body from events where room_id = q.room_id order by seq desc limit 1) as e
            """).ToDictionaryAsync(row => row.RoomId, token), cancellationToken);

    private static ChatEvent? Decode(in NumberedEvent numbered) => JsonSerializer.Deserialize(numbered.ToDelivered(), ChatJson.Wire.ChatEvent);

    private sealed record Row(string RoomId, long Seq, int Epoch, string Body);
}
