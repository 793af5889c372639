using Npgsql;

namespace Chat.Data.Writing;

/// <summary>
/// How far Postgres has each room. The events themselves say it, so it also holds for rooms that are unknown in <c>rooms</c>;
/// the copy in <c>rooms</c> is for those who list rooms.
/// </summary>
public static class PersistedHeads
{
    /// <summary>The heads of all <paramref name="roomIds"/>.</summary>
    public static async Task<IReadOnlyDictionary<string, PersistedHead>> ReadAsync(
        NpgsqlConnection connection, IReadOnlyList<string> roomIds, CancellationToken cancellationToken)
    {
        // One step at the end of the primary key per room.
        await using var command = new NpgsqlCommand("""
            SELECT room.id, last.seq, last.epoch
            FROM unnest($1) AS room (id),
            LATERAL (SELECT seq, epoch FROM events WHERE room_id = room.id ORDER BY seq DESC LIMIT 1) last
            """, connection);
        command.Parameters.Add(new NpgsqlParameter<string[]> { TypedValue = [.. roomIds] });
        var heads = roomIds.Distinct().ToDictionary(id => id, _ => default(PersistedHead));
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
            heads[reader.GetString(0)] = new PersistedHead(reader.GetInt64(1), reader.GetInt32(2));
        return heads;
    }

    internal static async Task AdvanceAsync(NpgsqlConnection connection, IReadOnlyList<RoomCopy> copies, CancellationToken cancellationToken)
    {
        var moved = copies.Where(copy => copy.Rows.Count > 0).OrderBy(copy => copy.RoomId, StringComparer.Ordinal).ToList();
        await using var command = new NpgsqlCommand("""
            UPDATE rooms SET
              head_seq = copied.head, persisted_epoch = copied.epoch,
              first_seq = CASE WHEN rooms.first_seq = 0 THEN copied.first ELSE rooms.first_seq END
            FROM unnest($1, $2, $3, $4) AS copied (room_id, first, head, epoch)
            WHERE rooms.room_id = copied.room_id AND rooms.head_seq < copied.head
            """, connection);
        command.Parameters.Add(new NpgsqlParameter<string[]> { TypedValue = [.. moved.Select(copy => copy.RoomId)] });
        command.Parameters.Add(new NpgsqlParameter<long[]> { TypedValue = [.. moved.Select(copy => copy.Rows[0].Seq)] });
        command.Parameters.Add(new NpgsqlParameter<long[]> { TypedValue = [.. moved.Select(copy => copy.Rows[^1].Seq)] });
        command.Parameters.Add(new NpgsqlParameter<int[]> { TypedValue = [.. moved.Select(copy => copy.Rows[^1].Epoch)] });
        await command.ExecuteNonQueryAsync(cancellationToken);
    }
}
