using System.Text.Encodings.Web;
using System.Text.Json;
using Chat.Contracts;
using Chat.Data.History;
using Chat.Data.Model;
using Npgsql;
using StackExchange.Redis;

namespace Chat.Realtime.Reading;

/// <summary>Chat messages after a marker, and those of them that mention the reader.</summary>
internal readonly record struct UnreadCount(int Messages, int Mentions)
{
    public static UnreadCount operator +(UnreadCount a, UnreadCount b) => new(a.Messages + b.Messages, a.Mentions + b.Mentions);
}

/// <summary>
/// Chat messages after a marker, exact to <see cref="ProtocolLimits.MaxUnread"/>: what Postgres has by a bounded index count, what it does not
/// have yet from the hot history. Count and persisted head come from one statement, so no message is counted on both sides or on none.
/// </summary>
internal sealed partial class UnreadCounter(IConnectionMultiplexer redis, NpgsqlDataSource database, RoomHistory history, ILogger<UnreadCounter> logger)
{
    // One room's newest events are a page or two at most: the rest is in Postgres within a second or so.
    private const int RoomsAtOnce = 16;

    // Messages with a mention of anybody that are looked at for the reader's name, the newest ones. Who has more unread than that has stopped counting.
    private const int MaxMentioning = 10 * ProtocolLimits.MaxUnread;

    // The ids stand behind the name of their field, and little else does: nothing else of a chat message holds a quoted id there.
    private const string CountStored = $"""
        SELECT coalesce(r.head_seq, 0), (SELECT count(*) FROM (
            SELECT FROM events e WHERE e.room_id = q.room_id AND e.seq > q.marker AND e.event_type = 'chat_message' LIMIT $3) AS bounded),
            (SELECT count(*) FROM (
            SELECT body FROM events WHERE room_id = q.room_id AND seq > q.marker AND {StoredEvent.MentionsSomebody} ORDER BY seq DESC LIMIT $5) AS mentioning
            WHERE strpos(substr(body, strpos(body, '"mentions":[')), $4) > 0)
        FROM unnest($1, $2) WITH ORDINALITY AS q(room_id, marker, i) LEFT JOIN rooms r ON r.room_id = q.room_id ORDER BY q.i
        """;

    /// <summary>What is unread in each room after its marker, in their order. Without Postgres the hot part alone is counted.</summary>
    public async Task<IReadOnlyList<UnreadCount>> CountAsync(string userId, IReadOnlyList<(string RoomId, long Marker)> rooms, CancellationToken cancellationToken)
    {
        if (rooms.Count == 0) return [];
        var heads = HeadsAsync(rooms);
        var stored = await StoredAsync(userId, rooms, cancellationToken);
        var newest = await heads.WaitAsync(cancellationToken);

        var unread = Array.ConvertAll(stored, counted => counted.Unread);
        var tails = Enumerable.Range(0, rooms.Count).Where(i => newest[i] > Math.Max(stored[i].Head, rooms[i].Marker));
        await Parallel.ForEachAsync(tails, new ParallelOptions { MaxDegreeOfParallelism = RoomsAtOnce, CancellationToken = cancellationToken },
            async (i, token) => unread[i] += await CountTailAsync(userId, rooms[i].RoomId, Math.Max(stored[i].Head, rooms[i].Marker), token));
        return Array.ConvertAll(unread, count => new UnreadCount(Math.Min(count.Messages, ProtocolLimits.MaxUnread), Math.Min(count.Mentions, ProtocolLimits.MaxUnread)));
    }

    private async Task<long[]> HeadsAsync(IReadOnlyList<(string RoomId, long Marker)> rooms)
    {
        var pipelined = redis.GetDatabase();
        var heads = await Task.WhenAll(rooms.Select(room => pipelined.HashGetAsync(RedisKeys.Head(room.RoomId), "head")));
        return Array.ConvertAll(heads, head => head.TryParse(out long seq) ? seq : 0);
    }

    private async Task<(UnreadCount Unread, long Head)[]> StoredAsync(string userId, IReadOnlyList<(string RoomId, long Marker)> rooms, CancellationToken cancellationToken)
    {
        var counts = new (UnreadCount, long)[rooms.Count];
        try
        {
            await using var command = database.CreateCommand(CountStored);
            command.Parameters.Add(new NpgsqlParameter<string[]> { TypedValue = rooms.Select(room => room.RoomId).ToArray() });
            command.Parameters.Add(new NpgsqlParameter<long[]> { TypedValue = rooms.Select(room => room.Marker).ToArray() });
            command.Parameters.Add(new NpgsqlParameter<int> { TypedValue = ProtocolLimits.MaxUnread });
            command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = $"\"{JavaScriptEncoder.UnsafeRelaxedJsonEscaping.Encode(userId)}\"" });
            command.Parameters.Add(new NpgsqlParameter<int> { TypedValue = MaxMentioning });
            await using var reader = await command.ExecuteReaderAsync(cancellationToken);
            for (var i = 0; await reader.ReadAsync(cancellationToken); i++)
                counts[i] = (new UnreadCount((int)reader.GetInt64(1), (int)reader.GetInt64(2)), reader.GetInt64(0));
        }
        catch (Exception failure) when (failure is NpgsqlException or TimeoutException)
        {
            Log.HotPartAlone(logger, failure.Message);
        }
        return counts;
    }

    private async Task<UnreadCount> CountTailAsync(string userId, string roomId, long after, CancellationToken cancellationToken)
    {
        var count = default(UnreadCount);
        while (count.Messages < ProtocolLimits.MaxUnread)
        {
            var page = await history.ReadPageAsync(roomId, beforeSeq: null, after, ProtocolLimits.MaxHistoryLimit, cancellationToken);
            foreach (var delivered in page.Events)
            {
                var (isChatMessage, mentionsReader, seq) = Read(delivered.Span, userId);
                if (isChatMessage) count += new UnreadCount(1, mentionsReader ? 1 : 0);
                after = Math.Max(after, seq);
            }
            if (!page.HasMore || page.Events.Count == 0) break;
        }
        return count;
    }

    /// <summary>Whether an encoded envelope is a chat message, whether it mentions the reader, and its seq.</summary>
    internal static (bool IsChatMessage, bool MentionsReader, long Seq) Read(ReadOnlySpan<byte> envelope, string userId)
    {
        var (isChatMessage, mentionsReader, seq) = (false, false, 0L);
        var reader = new Utf8JsonReader(envelope);
        reader.Read();
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var isType = reader.ValueTextEquals("event_type"u8);
            var isSeq = reader.ValueTextEquals("seq"u8);
            var isMentions = reader.ValueTextEquals("mentions"u8);
            reader.Read();
            if (isType) isChatMessage = reader.ValueTextEquals("chat_message"u8);
            else if (isSeq) seq = reader.GetInt64();
            else if (isMentions && reader.TokenType == JsonTokenType.StartArray)
                while (reader.Read() && reader.TokenType == JsonTokenType.String) mentionsReader |= reader.ValueTextEquals(userId);
            else reader.Skip();
        }
        return (isChatMessage, mentionsReader, seq);
    }

    private static partial class Log
    {
        [LoggerMessage(1, LogLevel.Debug, "Unread is counted from the hot history alone: {Reason}")]
        public static partial void HotPartAlone(ILogger logger, string reason);
    }
}
