using Npgsql;

namespace Chat.Data.Writing;

/// <summary>
/// How far each partition of the log is in Postgres. Every record below a position has its number and its row; the consumer group's own offsets
/// only follow, for those who watch lag.
/// </summary>
public static class LogPositions
{
    /// <summary>The next offset of each partition that has been written before.</summary>
    public static async Task<IReadOnlyDictionary<int, long>> ReadAsync(NpgsqlDataSource database, CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand("SELECT partition, next_offset FROM log_positions");
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var positions = new Dictionary<int, long>();
        while (await reader.ReadAsync(cancellationToken))
            positions[reader.GetInt32(0)] = reader.GetInt64(1);
        return positions;
    }

    /// <summary>Moves a position that the log itself no longer has (records deleted or a log that was made anew), unless somebody has moved it meanwhile.</summary>
    public static async Task ReplaceAsync(NpgsqlDataSource database, int partition, long expected, long offset, CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand("UPDATE log_positions SET next_offset = $3 WHERE partition = $1 AND next_offset = $2");
        command.Parameters.Add(new NpgsqlParameter<int> { TypedValue = partition });
        command.Parameters.Add(new NpgsqlParameter<long> { TypedValue = expected });
        command.Parameters.Add(new NpgsqlParameter<long> { TypedValue = offset });
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    /// <summary>Locks the positions (in their order, so that two writers never wait for each other); false when one of them lies before its range.</summary>
    internal static async Task<bool> LockAsync(NpgsqlConnection connection, IReadOnlyList<LogRange> ranges, CancellationToken cancellationToken)
    {
        await using (var insert = new NpgsqlCommand(
            "INSERT INTO log_positions (partition, next_offset, epoch) SELECT p, o, 0 FROM unnest($1, $2) AS new (p, o) ORDER BY p ON CONFLICT DO NOTHING", connection))
        {
            insert.Parameters.Add(new NpgsqlParameter<int[]> { TypedValue = [.. ranges.Select(range => range.Partition)] });
            insert.Parameters.Add(new NpgsqlParameter<long[]> { TypedValue = [.. ranges.Select(range => range.From)] });
            await insert.ExecuteNonQueryAsync(cancellationToken);
        }
        await using var command = new NpgsqlCommand("SELECT partition, next_offset FROM log_positions WHERE partition = ANY($1) ORDER BY partition FOR UPDATE", connection);
        command.Parameters.Add(new NpgsqlParameter<int[]> { TypedValue = [.. ranges.Select(range => range.Partition)] });
        var starts = ranges.ToDictionary(range => range.Partition, range => range.From);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var isReached = true;
        while (await reader.ReadAsync(cancellationToken))
            isReached &= reader.GetInt64(1) >= starts[reader.GetInt32(0)];
        return isReached;
    }

    internal static async Task AdvanceAsync(NpgsqlConnection connection, IReadOnlyList<LogRange> ranges, int epoch, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand("""
            UPDATE log_positions SET next_offset = written.next, epoch = $3
            FROM unnest($1, $2) AS written (partition, next)
            WHERE log_positions.partition = written.partition AND log_positions.next_offset < written.next
            """, connection);
        command.Parameters.Add(new NpgsqlParameter<int[]> { TypedValue = [.. ranges.Select(range => range.Partition)] });
        command.Parameters.Add(new NpgsqlParameter<long[]> { TypedValue = [.. ranges.Select(range => range.To)] });
        command.Parameters.Add(new NpgsqlParameter<int> { TypedValue = epoch });
        await command.ExecuteNonQueryAsync(cancellationToken);
    }
}
