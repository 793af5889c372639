using System.Globalization;
using Chat.Contracts;
using Chat.Data;
using Chat.Realtime.Redis;
using Npgsql;
using StackExchange.Redis;

namespace Chat.Realtime.Reading;

/// <summary>A marker after a command; <paramref name="Changed"/> says whether that command moved it.</summary>
internal readonly record struct MarkerMove(long Seq, bool Changed);

/// <summary>
/// Markers in Redis, read through from Postgres. Redis is right whenever it knows one; what it does not know, Postgres has. A marker never
/// moves down by itself, in whatever order its moves arrive.
/// </summary>
internal sealed class ReadMarkerStore(IConnectionMultiplexer redis, EachKey eachKey, AwayCommands commands, NpgsqlDataSource database)
{
    /// <summary>Ends a member of <see cref="RedisKeys.ReadMarkersDirty"/> whose marker was lowered: Postgres takes it as it is.</summary>
    public const string Lowered = "\n-";

    // Of the user's markers. Nothing is set before Postgres' marker is known, '' until then: false asks for it.
    private static readonly RedisScript Move = EachKey.Script("room, seq, may_lower, stored", """
        local known = redis.call('HGET', key, room)
        local now = known or stored
        if now == '' then return false end
        if tonumber(seq) > tonumber(now) or (may_lower == '1' and seq ~= now) then
          redis.call('HSET', key, room, seq)
          return {seq, 1}
        end
        if not known then redis.call('HSET', key, room, now) end
        return {now, 0}
        """);

    /// <summary>Moves markers of one user or many, in one round trip where Redis knows them.</summary>
    public async Task<IReadOnlyList<MarkerMove>> MoveAsync(IReadOnlyList<(string UserId, string RoomId, long Seq)> moves, bool mayLower, CancellationToken cancellationToken)
    {
        var replies = await SendAsync(moves, mayLower, null).WaitAsync(cancellationToken);
        var unknown = Enumerable.Range(0, moves.Count).Where(i => replies[i].IsNull).ToList();
        if (unknown.Count > 0)
        {
            var stored = await StoredAsync(unknown.ConvertAll(i => (moves[i].UserId, moves[i].RoomId)), cancellationToken);
            var again = await SendAsync(unknown.ConvertAll(i => moves[i]), mayLower, stored).WaitAsync(cancellationToken);
            for (var i = 0; i < unknown.Count; i++) replies[unknown[i]] = again[i];
        }
        return Array.ConvertAll(replies, reply =>
        {
            var parts = (string[])reply!;
            return new MarkerMove(long.Parse(parts[0], CultureInfo.InvariantCulture), parts[1] == "1");
        });
    }

    /// <summary>The user's markers in the rooms, in their order.</summary>
    public async Task<IReadOnlyList<long>> GetAsync(string userId, IReadOnlyList<string> roomIds, CancellationToken cancellationToken)
    {
        var known = await redis.GetDatabase().HashGetAsync(RedisKeys.ReadMarkers(userId), roomIds.Select(room => (RedisValue)room).ToArray())
            .WaitAsync(cancellationToken);
        var unknown = Enumerable.Range(0, roomIds.Count).Where(i => known[i].IsNull).ToList();
        if (unknown.Count == 0) return Array.ConvertAll(known, marker => (long)marker);
        var stored = await StoredAsync(unknown.ConvertAll(i => (userId, roomIds[i])), cancellationToken);
        for (var i = 0; i < unknown.Count; i++) known[unknown[i]] = stored[i];
        return Array.ConvertAll(known, marker => (long)marker);
    }

    /// <summary>The markers that Redis knows, in the order of those asked for; null for each that it does not.</summary>
    public Task<RedisValue[]> GetKnownAsync(IReadOnlyList<(string UserId, string RoomId)> markers) =>
        eachKey.GetFieldsAsync([.. markers.Select(marker => (RedisKeys.ReadMarkers(marker.UserId), (RedisValue)marker.RoomId))]);

    private async Task<RedisResult[]> SendAsync(IReadOnlyList<(string UserId, string RoomId, long Seq)> moves, bool mayLower, long[]? stored)
    {
        var results = await eachKey.RunAsync(Move, [.. moves.Select((move, i) =>
            (RedisKeys.ReadMarkers(move.UserId), new RedisValue[] { move.RoomId, move.Seq, mayLower ? "1" : "0", stored is null ? "" : stored[i] }))]);
        // After the moves, which in a cluster lie on other servers, or the older marker might be written down; and moved or not: a marker that nobody writes
        // down would be lost with Redis, one that is written down twice costs nothing.
        var dirty = moves.Select(move => (RedisValue)$"{move.UserId}\n{move.RoomId}{(mayLower ? Lowered : "")}").ToList();
        await commands.RunAsync(new RedisCommand("SADD", [], [RedisKeys.ReadMarkersDirty], dirty));
        return results;
    }

    // 0 for who never read there.
    private async Task<long[]> StoredAsync(List<(string UserId, string RoomId)> markers, CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand("""
            SELECT coalesce(m.seq, 0) FROM unnest($1, $2) WITH ORDINALITY AS q(user_id, room_id, i)
            LEFT JOIN read_markers m ON m.user_id = q.user_id AND m.room_id = q.room_id ORDER BY q.i
            """);
        command.Parameters.Add(new NpgsqlParameter<string[]> { TypedValue = markers.Select(marker => marker.UserId).ToArray() });
        command.Parameters.Add(new NpgsqlParameter<string[]> { TypedValue = markers.Select(marker => marker.RoomId).ToArray() });
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var stored = new long[markers.Count];
        for (var i = 0; await reader.ReadAsync(cancellationToken); i++) stored[i] = reader.GetInt64(0);
        return stored;
    }
}
