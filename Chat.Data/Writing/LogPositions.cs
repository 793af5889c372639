using Npgsql;

namespace Chat.Data.Writing;

/// <summary>
/// How far each partition of the log is in Postgres. Every record below a position has its number and its row; the consumer group's own offsets
/// only follow, for those who watch lag.
/// </summary>
public static class LogPositions
{
    /// <summary>The current epoch (-1 before the first one) and the position of each partition that has one.</summary>
    public static async Task<(int Epoch, IReadOnlyDictionary<int, KnownPosition> Positions)> ReadAsync(NpgsqlDataSource database, CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand("""
            SELECT COALESCE((SELECT current_epoch FROM numbering WHERE shard = 0), -1), partition, next_offset, epoch
            FROM (SELECT 1) AS always LEFT JOIN log_positions ON true
            """);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var current = -1;
        var positions = new Dictionary<int, KnownPosition>();
        while (await reader.ReadAsync(cancellationToken))
        {
            current = reader.GetInt32(0);
            if (!await reader.IsDBNullAsync(1, cancellationToken))
                positions[reader.GetInt32(1)] = new KnownPosition(reader.GetInt64(2), reader.GetInt32(3));
        }
        return (current, positions);
    }

    /// <summary>
    /// Opens partitions in <paramref name="epoch"/>: everything that was in the log when it began has its number. Each comes with where it was read from,
    /// which is its position when it has none. False when another epoch is current.
    /// </summary>
    public static async Task<bool> OpenAsync(NpgsqlDataSource database, int epoch, IReadOnlyList<LogRange> ranges, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
        // Shared lock, as when events are written: the epoch stays current until this is committed.
        await using (var question = new NpgsqlCommand("SELECT current_epoch FROM numbering WHERE shard = 0 FOR SHARE", connection))
        {
            if (await question.ExecuteScalarAsync(cancellationToken) is not int current || current != epoch)
                return false;
        }
        await using var command = new NpgsqlCommand("""
            INSERT INTO log_positions (partition, next_offset, epoch) SELECT p, o, $3 FROM unnest($1, $2) AS opened (p, o) ORDER BY p
            ON CONFLICT (partition) DO UPDATE SET epoch = GREATEST(log_positions.epoch, excluded.epoch)
            """, connection);
        command.Parameters.Add(new NpgsqlParameter<int[]> { TypedValue = [.. ranges.Select(range => range.Partition)] });
        command.Parameters.Add(new NpgsqlParameter<long[]> { TypedValue = [.. ranges.Select(range => range.From)] });
        command.Parameters.Add(new NpgsqlParameter<int> { TypedValue = epoch });
        await command.ExecuteNonQueryAsync(cancellationToken);
        await transaction.CommitAsync(cancellationToken);
        return true;
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

    internal static async Task AdvanceAsync(NpgsqlConnection connection, IReadOnlyList<LogRange> ranges, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand("""
            UPDATE log_positions SET next_offset = written.next
            FROM unnest($1, $2) AS written (partition, next)
            WHERE log_positions.partition = written.partition AND log_positions.next_offset < written.next
            """, connection);
        command.Parameters.Add(new NpgsqlParameter<int[]> { TypedValue = [.. ranges.Select(range => range.Partition)] });
        command.Parameters.Add(new NpgsqlParameter<long[]> { TypedValue = [.. ranges.Select(range => range.To)] });
        await command.ExecuteNonQueryAsync(cancellationToken);
    }
}

/// <summary>Where a partition's next record is that is not in Postgres, and the latest epoch in which the partition was opened.</summary>
public readonly record struct KnownPosition(long NextOffset, int Epoch);
