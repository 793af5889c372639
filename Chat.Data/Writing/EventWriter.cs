using Npgsql;
using NpgsqlTypes;

namespace Chat.Data.Writing;

/// <summary>
/// Writes events, the rooms' persisted heads and the log positions in one transaction. The position row of a partition is its lock and every position is
/// compared before it is set, so a process that was away, or one that reads the log again, can neither tear nor double anything.
/// Not for concurrent use: it keeps one connection with the temporary table that rows are copied into.
/// </summary>
public sealed class EventWriter(NpgsqlDataSource database) : IAsyncDisposable
{
    private const int TimeoutSeconds = 15;

    private NpgsqlConnection? _connection;

    /// <summary>Throws <see cref="NpgsqlException"/> when Postgres is away and <see cref="PostgresException"/> when it refuses a row.</summary>
    public async Task<WriteOutcome> WriteAsync(int epoch, IReadOnlyList<LogRange> ranges, IReadOnlyList<RoomCopy> copies, CancellationToken cancellationToken)
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        deadline.CancelAfter(TimeSpan.FromSeconds(TimeoutSeconds));
        var connection = await OpenAsync(deadline.Token);
        try
        {
            await using var transaction = await connection.BeginTransactionAsync(deadline.Token);
            var outcome = await WriteAsync(connection, epoch, ranges, copies, deadline.Token);
            if (outcome == WriteOutcome.Written)
                await transaction.CommitAsync(deadline.Token);
            return outcome;
        }
        catch
        {
            // Whatever broke, the next attempt starts on a fresh connection.
            await CloseAsync();
            if (deadline.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
                throw new TimeoutException($"Postgres did not take the events within {TimeoutSeconds} s.");
            throw;
        }
    }

    /// <summary>The seqs of a room's rows that Postgres refuses, found by halving; nothing is written. Throws <see cref="NpgsqlException"/> when Postgres is away.</summary>
    public async Task<IReadOnlyList<EventRow>> FindRefusedAsync(IReadOnlyList<EventRow> rows, CancellationToken cancellationToken)
    {
        try
        {
            var connection = await OpenAsync(cancellationToken);
            await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
            await CopyAsync(connection, rows, cancellationToken);
            return [];
        }
        catch (PostgresException refusal) when (IsRefusedRow(refusal))
        {
            await CloseAsync();
            if (rows.Count == 1)
                return rows;
            var half = rows.Count / 2;
            var first = await FindRefusedAsync([.. rows.Take(half)], cancellationToken);
            var second = await FindRefusedAsync([.. rows.Skip(half)], cancellationToken);
            return [.. first, .. second];
        }
        catch
        {
            await CloseAsync();
            throw;
        }
    }

    /// <summary>True when Postgres refuses what a row holds (classes 22 data exception, 23 constraint, 54 limit), which no retry will change.</summary>
    public static bool IsRefusedRow(PostgresException failure) => failure.SqlState.Length == 5 && failure.SqlState[..2] is "22" or "23" or "54";

    private static async Task<WriteOutcome> WriteAsync(
        NpgsqlConnection connection, int epoch, IReadOnlyList<LogRange> ranges, IReadOnlyList<RoomCopy> copies, CancellationToken cancellationToken)
    {
        // Shared lock: the epoch cannot change before this transaction has ended.
        var current = await ScalarAsync(connection, "SELECT current_epoch FROM numbering WHERE shard = 0 FOR SHARE", cancellationToken);
        if (current is not int number || number != epoch)
            return WriteOutcome.EpochChanged;
        if (!await LogPositions.LockAsync(connection, ranges, cancellationToken))
            return WriteOutcome.LogMoved;
        var heads = await PersistedHeads.ReadAsync(connection, [.. copies.Select(copy => copy.RoomId)], cancellationToken);
        if (copies.Any(copy => heads[copy.RoomId] != copy.After))
            return WriteOutcome.RoomMoved;
        var rows = copies.SelectMany(copy => copy.Rows).ToList();
        if (rows.Count > 0)
        {
            await CopyAsync(connection, rows, cancellationToken);
            await PersistedHeads.AdvanceAsync(connection, copies, cancellationToken);
        }
        await LogPositions.AdvanceAsync(connection, ranges, cancellationToken);
        return WriteOutcome.Written;
    }

    private static async Task CopyAsync(NpgsqlConnection connection, IReadOnlyList<EventRow> rows, CancellationToken cancellationToken)
    {
        await using (var import = await connection.BeginBinaryImportAsync(
            "COPY incoming (room_id, seq, epoch, event_id, event_type, sender_id, target_id, ts, body) FROM STDIN (FORMAT BINARY)", cancellationToken))
        {
            foreach (var row in rows)
            {
                await import.StartRowAsync(cancellationToken);
                await import.WriteAsync(row.RoomId, NpgsqlDbType.Text, cancellationToken);
                await import.WriteAsync(row.Seq, NpgsqlDbType.Bigint, cancellationToken);
                await import.WriteAsync(row.Epoch, NpgsqlDbType.Integer, cancellationToken);
                await import.WriteAsync(row.EventId, NpgsqlDbType.Uuid, cancellationToken);
                await import.WriteAsync(row.EventType, NpgsqlDbType.Text, cancellationToken);
                await import.WriteAsync(row.SenderId, NpgsqlDbType.Text, cancellationToken);
                if (row.TargetId is { } target)
                    await import.WriteAsync(target, NpgsqlDbType.Uuid, cancellationToken);
                else
                    await import.WriteNullAsync(cancellationToken);
                await import.WriteAsync(row.Timestamp.UtcDateTime, NpgsqlDbType.TimestampTz, cancellationToken);
                await import.WriteAsync(row.Body, NpgsqlDbType.Text, cancellationToken);
            }
            await import.CompleteAsync(cancellationToken);
        }
        await using var insert = new NpgsqlCommand("""
            INSERT INTO events (room_id, seq, epoch, event_id, event_type, sender_id, target_id, ts, body)
            SELECT room_id, seq, epoch, event_id, event_type, sender_id, target_id, ts, body FROM incoming
            ON CONFLICT DO NOTHING
            """, connection);
        await insert.ExecuteNonQueryAsync(cancellationToken);
    }

    private async Task<NpgsqlConnection> OpenAsync(CancellationToken cancellationToken)
    {
        if (_connection is not null)
            return _connection;
        _connection = await database.OpenConnectionAsync(cancellationToken);
        await using var command = new NpgsqlCommand(
            $"SET statement_timeout = '{TimeoutSeconds}s'; CREATE TEMPORARY TABLE incoming (LIKE events) ON COMMIT DELETE ROWS", _connection);
        await command.ExecuteNonQueryAsync(cancellationToken);
        return _connection;
    }

    private async Task CloseAsync()
    {
        if (_connection is { } connection)
        {
            _connection = null;
            await connection.DisposeAsync();
        }
    }

    private static async Task<object?> ScalarAsync(NpgsqlConnection connection, string sql, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        return await command.ExecuteScalarAsync(cancellationToken);
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync() => await CloseAsync();
}
