using System.Buffers.Binary;
using System.Text;
using Chat.Contracts;
using Chat.Data.Numbering;
using Npgsql;

namespace Chat.Data.History;

/// <summary>
/// The events that Postgres has: of every room an exact prefix, since the persister writes rooms and not records.
/// Each question is bounded; Postgres being away is a <see cref="ChatException"/> <c>unavailable</c>.
/// </summary>
public sealed class EventStore
{
    private const int RetryAfterMs = 1000;
    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(3);
    private static readonly TimeSpan ScanTimeout = TimeSpan.FromSeconds(60);

    private readonly NpgsqlDataSource _database;
    private readonly SharedQueries<string, Ends> _bounds; // after a restart the members of all rooms come at once
    private readonly SharedQueries<Guid, Found> _found; // when an epoch has begun, the senders of all rooms

    public EventStore(NpgsqlDataSource database)
    {
        _database = database;
        _bounds = new(ReadEndsAsync);
        _found = new(async ids => (await FindAsync([.. ids], CancellationToken.None)).ToDictionary(found => found.Key, found => new Found(found.Value)));
    }

    /// <summary>The numbers of those of <paramref name="eventIds"/> that are stored.</summary>
    public Task<IReadOnlyDictionary<Guid, EventNumber>> FindAsync(IReadOnlyList<Guid> eventIds, CancellationToken cancellationToken) =>
        AskAsync<IReadOnlyDictionary<Guid, EventNumber>>(async (connection, token) =>
        {
            await using var command = new NpgsqlCommand("SELECT event_id, seq, epoch, ts FROM events WHERE event_id = ANY($1)", connection);
            command.Parameters.Add(new NpgsqlParameter<Guid[]> { TypedValue = [.. eventIds] });
            await using var reader = await command.ExecuteReaderAsync(token);
            var found = new Dictionary<Guid, EventNumber>();
            while (await reader.ReadAsync(token))
            {
                var timestamp = new DateTimeOffset(reader.GetDateTime(3)).ToUnixTimeMilliseconds();
                found[reader.GetGuid(0)] = new EventNumber(reader.GetGuid(0), reader.GetInt64(1), reader.GetInt32(2), timestamp, Known: true);
            }
            return found;
        }, cancellationToken);

    /// <summary>As <see cref="FindAsync"/>, for the ids of a send or of a few: those of all who ask at the same time go into one query, up to 500.</summary>
    public async Task<IReadOnlyDictionary<Guid, EventNumber>> FindTogetherAsync(IReadOnlyList<Guid> eventIds, CancellationToken cancellationToken)
    {
        var found = await Task.WhenAll(eventIds.Select(id => _found.FindAsync(id, cancellationToken)));
        return eventIds.Zip(found).Where(pair => pair.Second is not null).DistinctBy(pair => pair.First).ToDictionary(pair => pair.First, pair => pair.Second!.Number);
    }

    /// <summary>
    /// Of each room the ids and timestamps of the newest <paramref name="limit"/> events with numbers below those of <paramref name="epoch"/>, newest first; a room without any is left out.
    /// </summary>
    public Task<IReadOnlyDictionary<string, IReadOnlyList<(Guid EventId, DateTimeOffset Timestamp)>>> FindNewestIdsAsync(
        IReadOnlyList<string> roomIds, int epoch, int limit, CancellationToken cancellationToken) =>
        AskAsync<IReadOnlyDictionary<string, IReadOnlyList<(Guid, DateTimeOffset)>>>(async (connection, token) =>
        {
            await using var command = new NpgsqlCommand("""
                SELECT room.id, newest.event_id, newest.ts FROM unnest($1) AS room (id),
                LATERAL (SELECT event_id, ts FROM events WHERE room_id = room.id AND seq <= $2 ORDER BY seq DESC LIMIT $3) newest
                """, connection);
            command.Parameters.Add(new NpgsqlParameter<string[]> { TypedValue = [.. roomIds] });
            command.Parameters.Add(new NpgsqlParameter<long> { TypedValue = epoch * ProtocolLimits.NumbersPerEpoch });
            command.Parameters.Add(new NpgsqlParameter<int> { TypedValue = limit });
            await using var reader = await command.ExecuteReaderAsync(token);
            var found = new Dictionary<string, IReadOnlyList<(Guid, DateTimeOffset)>>();
            var (room, events) = ("", new List<(Guid, DateTimeOffset)>());
            while (await reader.ReadAsync(token))
            {
                if (reader.GetString(0) is var next && next != room) found[room = next] = events = [];
                events.Add((reader.GetGuid(1), new DateTimeOffset(reader.GetDateTime(2))));
            }
            return found;
        }, cancellationToken);

    /// <summary>
    /// The tails (<see cref="TailOf"/>) of the ids of up to <paramref name="limit"/> events of all rooms since <paramref name="since"/> with numbers below those of <paramref name="epoch"/>, in no
    /// order. They lie side by side, so a million takes Postgres less than a second; those of one room are scattered, and a thousand of them take it 30 ms.
    /// </summary>
    public Task<long[]> FindTailsSinceAsync(DateTimeOffset since, int epoch, int limit, CancellationToken cancellationToken) =>
        AskAsync(async (connection, token) =>
        {
            // As one value: a row for each would take both sides several times as long.
            await using var command = new NpgsqlCommand("""
                SELECT string_agg(substring(uuid_send(event_id) FROM 9), ''::bytea) FROM (SELECT event_id FROM events WHERE ts >= $1 AND seq <= $2 LIMIT $3) found
                """, connection)
            { CommandTimeout = (int)ScanTimeout.TotalSeconds };
            command.Parameters.Add(new NpgsqlParameter<DateTime> { TypedValue = since.UtcDateTime });
            command.Parameters.Add(new NpgsqlParameter<long> { TypedValue = epoch * ProtocolLimits.NumbersPerEpoch });
            command.Parameters.Add(new NpgsqlParameter<int> { TypedValue = limit });
            var bytes = await command.ExecuteScalarAsync(token) as byte[] ?? [];
            var tails = new long[bytes.Length / sizeof(long)];
            for (var i = 0; i < tails.Length; i++) tails[i] = BinaryPrimitives.ReadInt64BigEndian(bytes.AsSpan(i * sizeof(long)));
            return tails;
        }, cancellationToken, ScanTimeout);

    /// <summary>The last 8 bytes of an id, which are random in every kind that there is.</summary>
    public static long TailOf(Guid eventId)
    {
        Span<byte> bytes = stackalloc byte[16];
        eventId.TryWriteBytes(bytes, bigEndian: true, out _);
        return BinaryPrimitives.ReadInt64BigEndian(bytes[8..]);
    }

    /// <summary>Head and first event of the room in Postgres, all 0 when it has none there.</summary>
    public async Task<RoomBounds> GetBoundsAsync(string roomId, CancellationToken cancellationToken) =>
        await _bounds.FindAsync(roomId, cancellationToken) is { } ends ? new RoomBounds(ends.HeadSeq, ends.Epoch, ends.FirstSeq) : default;

    private Task<IReadOnlyDictionary<string, Ends>> ReadEndsAsync(IReadOnlyCollection<string> roomIds) =>
        AskAsync<IReadOnlyDictionary<string, Ends>>(async (connection, token) =>
        {
            // Two steps at the ends of the primary key; the row in "rooms" may be gone while its events are not.
            await using var command = new NpgsqlCommand("""
                SELECT room.id, last.seq, last.epoch, first.seq FROM unnest($1) AS room (id),
                LATERAL (SELECT seq, epoch FROM events WHERE room_id = room.id ORDER BY seq DESC LIMIT 1) last,
                LATERAL (SELECT seq FROM events WHERE room_id = room.id ORDER BY seq LIMIT 1) first
                """, connection);
            command.Parameters.Add(new NpgsqlParameter<string[]> { TypedValue = [.. roomIds] });
            await using var reader = await command.ExecuteReaderAsync(token);
            var found = new Dictionary<string, Ends>();
            while (await reader.ReadAsync(token)) found.Add(reader.GetString(0), new Ends(reader.GetInt64(1), reader.GetInt32(2), reader.GetInt64(3)));
            return found;
        }, CancellationToken.None);

    /// <summary>The oldest <paramref name="limit"/> events between the two numbers (both exclusive), ascending.</summary>
    public Task<IReadOnlyList<NumberedEvent>> ReadOldestAsync(string roomId, long afterSeq, long beforeSeq, int limit, CancellationToken cancellationToken) =>
        ReadAsync("SELECT seq, epoch, body FROM events WHERE room_id = $1 AND seq > $2 AND seq < $3 ORDER BY seq LIMIT $4", roomId, afterSeq, beforeSeq, limit, cancellationToken);

    /// <summary>The newest <paramref name="limit"/> events between the two numbers (both exclusive), ascending.</summary>
    public async Task<IReadOnlyList<NumberedEvent>> ReadNewestAsync(string roomId, long afterSeq, long beforeSeq, int limit, CancellationToken cancellationToken)
    {
        var descending = await ReadAsync(
            "SELECT seq, epoch, body FROM events WHERE room_id = $1 AND seq > $2 AND seq < $3 ORDER BY seq DESC LIMIT $4", roomId, afterSeq, beforeSeq, limit, cancellationToken);
        return [.. descending.Reverse()];
    }

    private Task<IReadOnlyList<NumberedEvent>> ReadAsync(string sql, string roomId, long afterSeq, long beforeSeq, int limit, CancellationToken cancellationToken) =>
        AskAsync<IReadOnlyList<NumberedEvent>>(async (connection, token) =>
        {
            await using var command = new NpgsqlCommand(sql, connection);
            command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = roomId });
            command.Parameters.Add(new NpgsqlParameter<long> { TypedValue = afterSeq });
            command.Parameters.Add(new NpgsqlParameter<long> { TypedValue = beforeSeq });
            command.Parameters.Add(new NpgsqlParameter<int> { TypedValue = limit });
            await using var reader = await command.ExecuteReaderAsync(token);
            var events = new List<NumberedEvent>();
            while (await reader.ReadAsync(token))
                events.Add(new NumberedEvent(reader.GetInt64(0), reader.GetInt32(1), Encoding.UTF8.GetBytes(reader.GetString(2))));
            return events;
        }, cancellationToken);

    internal async Task<T> AskAsync<T>(Func<NpgsqlConnection, CancellationToken, Task<T>> question, CancellationToken cancellationToken, TimeSpan? timeout = null)
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        deadline.CancelAfter(timeout ?? Timeout);
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                await using var connection = await _database.OpenConnectionAsync(deadline.Token);
                return await question(connection, deadline.Token);
            }
            catch (PostgresException failure) when (failure.SqlState == PostgresErrorCodes.AdminShutdown && attempt == 1)
            {
                // A pooled connection from before a restart of Postgres: a fresh one may do.
            }
            catch (Exception failure) when (!cancellationToken.IsCancellationRequested && IsAway(failure))
            {
                throw new ChatException(ErrorCodes.Unavailable, "History cannot be reached now.", RetryAfterMs);
            }
        }
    }

    private static bool IsAway(Exception failure) => failure switch
    {
        PostgresException refused => refused.IsTransient,
        NpgsqlException or TimeoutException or OperationCanceledException => true,
        _ => false,
    };

    private sealed record Found(EventNumber Number);

    private sealed record Ends(long HeadSeq, int Epoch, long FirstSeq);
}
