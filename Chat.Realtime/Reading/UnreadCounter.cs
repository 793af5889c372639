using System.Text.Json;
using Chat.Contracts;
using Chat.Data.History;
using Npgsql;
using StackExchange.Redis;

namespace Chat.Realtime.Reading;

/// <summary>
/// Chat messages after a marker, exact to <see cref="ProtocolLimits.MaxUnread"/>: what Postgres has by a bounded index count, what it does not
/// have yet from the hot history. Count and persisted head come from one statement, so no message is counted on both sides or on none.
/// </summary>
internal sealed partial class UnreadCounter(IConnectionMultiplexer redis, NpgsqlDataSource database, RoomHistory history, ILogger<UnreadCounter> logger)
{
    // One room's newest events are a page or two at most: the rest is in Postgres within a second or so.
    private const int RoomsAtOnce = 16;

    /// <summary>Unread of each room after its marker, in their order. Without Postgres the hot part alone is counted.</summary>
    public async Task<IReadOnlyList<int>> CountAsync(IReadOnlyList<(string RoomId, long Marker)> rooms, CancellationToken cancellationToken)
    {
        if (rooms.Count == 0) return [];
        var heads = HeadsAsync(rooms);
        var stored = await StoredAsync(rooms, cancellationToken);
        var newest = await heads.WaitAsync(cancellationToken);

        var unread = new int[rooms.Count];
        var tails = new List<int>();
        for (var i = 0; i < rooms.Count; i++)
        {
            unread[i] = stored[i].Unread;
            if (unread[i] <= ProtocolLimits.MaxUnread && newest[i] > Math.Max(stored[i].Head, rooms[i].Marker)) tails.Add(i);
        }
        await Parallel.ForEachAsync(tails, new ParallelOptions { MaxDegreeOfParallelism = RoomsAtOnce, CancellationToken = cancellationToken },
            async (i, token) => unread[i] += await CountTailAsync(rooms[i].RoomId, Math.Max(stored[i].Head, rooms[i].Marker), ProtocolLimits.MaxUnread - unread[i], token));
        for (var i = 0; i < unread.Length; i++) unread[i] = Math.Min(unread[i], ProtocolLimits.MaxUnread);
        return unread;
    }

    private async Task<long[]> HeadsAsync(IReadOnlyList<(string RoomId, long Marker)> rooms)
    {
        var pipelined = redis.GetDatabase();
        var heads = await Task.WhenAll(rooms.Select(room => pipelined.HashGetAsync(RedisKeys.Head(room.RoomId), "head")));
        return Array.ConvertAll(heads, head => head.TryParse(out long seq) ? seq : 0);
    }

    private async Task<(int Unread, long Head)[]> StoredAsync(IReadOnlyList<(string RoomId, long Marker)> rooms, CancellationToken cancellationToken)
    {
        var counts = new (int, long)[rooms.Count];
        try
        {
            await using var command = database.CreateCommand("""
                SELECT coalesce(r.head_seq, 0), (SELECT count(*) FROM (
                    SELECT FROM events e WHERE e.room_id = q.room_id AND e.seq > q.marker AND e.event_type = 'chat_message' LIMIT $3) AS bounded)
                FROM unnest($1, $2) WITH ORDINALITY AS q(room_id, marker, i) LEFT JOIN rooms r ON r.room_id = q.room_id ORDER BY q.i
                """);
            command.Parameters.Add(new NpgsqlParameter<string[]> { TypedValue = rooms.Select(room => room.RoomId).ToArray() });
            command.Parameters.Add(new NpgsqlParameter<long[]> { TypedValue = rooms.Select(room => room.Marker).ToArray() });
            command.Parameters.Add(new NpgsqlParameter<int> { TypedValue = ProtocolLimits.MaxUnread });
            await using var reader = await command.ExecuteReaderAsync(cancellationToken);
            for (var i = 0; await reader.ReadAsync(cancellationToken); i++)
                counts[i] = ((int)reader.GetInt64(1), reader.GetInt64(0));
        }
        catch (Exception failure) when (failure is NpgsqlException or TimeoutException)
        {
            Log.HotPartAlone(logger, failure.Message);
        }
        return counts;
    }

    private async Task<int> CountTailAsync(string roomId, long after, int most, CancellationToken cancellationToken)
    {
        var count = 0;
        while (count < most)
        {
            var page = await history.ReadPageAsync(roomId, beforeSeq: null, after, ProtocolLimits.MaxHistoryLimit, cancellationToken);
            foreach (var delivered in page.Events)
            {
                var (isChatMessage, seq) = Read(delivered.Span);
                if (isChatMessage) count++;
                after = Math.Max(after, seq);
            }
            if (!page.HasMore || page.Events.Count == 0) break;
        }
        return count;
    }

    /// <summary>Whether an encoded envelope is a chat message, and its seq.</summary>
    internal static (bool IsChatMessage, long Seq) Read(ReadOnlySpan<byte> envelope)
    {
        var isChatMessage = false;
        var seq = 0L;
        var reader = new Utf8JsonReader(envelope);
        reader.Read();
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var isType = reader.ValueTextEquals("event_type"u8);
            var isSeq = reader.ValueTextEquals("seq"u8);
            reader.Read();
            if (isType) isChatMessage = reader.ValueTextEquals("chat_message"u8);
            else if (isSeq) seq = reader.GetInt64();
            else reader.Skip();
        }
        return (isChatMessage, seq);
    }

    private static partial class Log
    {
        [LoggerMessage(1, LogLevel.Debug, "Unread is counted from the hot history alone: {Reason}")]
        public static partial void HotPartAlone(ILogger logger, string reason);
    }
}
