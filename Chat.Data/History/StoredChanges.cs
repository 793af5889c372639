using System.Text;
using Chat.Contracts;
using Npgsql;

namespace Chat.Data.History;

/// <summary>
/// The changes that Postgres has of given events, found by their targets whatever lies between. Bounded for each target: the first deletion, the
/// newest edit, and of reactions and replies the newest <see cref="ProtocolLimits.MaxCountedState"/>.
/// </summary>
public sealed class StoredChanges(EventStore stored)
{
    private const string EditsAndDeletions = """
        SELECT c.seq, c.epoch, c.body FROM unnest($2) AS t(id)
        CROSS JOIN LATERAL (
            (SELECT seq, epoch, body FROM events WHERE room_id = $1 AND target_id = t.id AND event_type = 'message_deleted' ORDER BY seq LIMIT 1)
            UNION ALL
            (SELECT seq, epoch, body FROM events WHERE room_id = $1 AND target_id = t.id AND event_type = 'message_edited' ORDER BY seq DESC LIMIT 1)) c
        """;

    private const string ReactionsAndReplies = """
        SELECT c.seq, c.epoch, c.body FROM unnest($2) AS t(id)
        CROSS JOIN LATERAL (
            (SELECT seq, epoch, body FROM events WHERE room_id = $1 AND target_id = t.id AND event_type = 'reaction_added' ORDER BY seq DESC LIMIT $3)
            UNION ALL
            (SELECT seq, epoch, body FROM events WHERE room_id = $1 AND target_id = t.id AND event_type = 'reaction_removed' ORDER BY seq DESC LIMIT $3)
            UNION ALL
            (SELECT seq, epoch, body FROM events WHERE room_id = $1 AND reply_to = t.id ORDER BY seq DESC LIMIT $3)) c
        """;

    /// <summary>The changes of <paramref name="targets"/>. Throws <c>unavailable</c> while Postgres is away.</summary>
    public async Task<IReadOnlyList<MessageChange>> ReadAsync(
        string roomId, IReadOnlyCollection<string> targets, bool withState, CancellationToken cancellationToken)
    {
        Guid[] ids = [.. targets.Select(target => Guid.TryParse(target, out var id) ? id : Guid.Empty).Where(id => id != Guid.Empty)];
        if (ids.Length == 0) return [];
        return await stored.AskAsync(async (connection, token) =>
        {
            var changes = new List<MessageChange>();
            await ReadAsync(connection, EditsAndDeletions, roomId, ids, limit: null, changes, token);
            if (withState) await ReadAsync(connection, ReactionsAndReplies, roomId, ids, ProtocolLimits.MaxCountedState, changes, token);
            return changes;
        }, cancellationToken);
    }

    private static async Task ReadAsync(
        NpgsqlConnection connection, string sql, string roomId, Guid[] ids, int? limit, List<MessageChange> changes, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = roomId });
        command.Parameters.Add(new NpgsqlParameter<Guid[]> { TypedValue = ids });
        if (limit is { } most) command.Parameters.Add(new NpgsqlParameter<int> { TypedValue = most });
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
        {
            var numbered = new NumberedEvent(reader.GetInt64(0), reader.GetInt32(1), Encoding.UTF8.GetBytes(reader.GetString(2)));
            if (MessageChange.Read(numbered) is { } change) changes.Add(change);
        }
    }
}
