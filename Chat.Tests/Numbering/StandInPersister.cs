using Chat.Contracts;
using Chat.Data.History;
using Chat.Data.Writing;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;
using NpgsqlTypes;
using StackExchange.Redis;

namespace Chat.Tests.Numbering;

/// <summary>Does to one room, when it is told to, what the persister does: the product's own rows, and the mark in Redis.</summary>
public static class StandInPersister
{
    /// <summary>Copies what the hot stream has into Postgres, and lets Redis forget what is old.</summary>
    public static async Task CopyAsync(IServiceProvider services, string room)
    {
        var (stored, hot) = (services.GetRequiredService<EventStore>(), services.GetRequiredService<HotStream>());
        var after = await stored.GetBoundsAsync(room, CancellationToken.None);
        var slice = await hot.ReadOldestAsync(room, after.HeadSeq, long.MaxValue, 10_000, CancellationToken.None);
        foreach (var row in slice.Events.Select(e => EventRow.Create(room, e)))
        {
            await using var command = services.GetRequiredService<NpgsqlDataSource>().CreateCommand("""
                INSERT INTO events (room_id, seq, epoch, event_id, event_type, sender_id, target_id, ts, body) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
                ON CONFLICT DO NOTHING
                """);
            foreach (var value in new object[] { row.RoomId, row.Seq, row.Epoch, row.EventId, row.EventType, row.SenderId }) command.Parameters.Add(new() { Value = value });
            command.Parameters.Add(new() { Value = (object?)row.TargetId ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.Uuid });
            command.Parameters.Add(new() { Value = row.Timestamp });
            command.Parameters.Add(new() { Value = row.Body });
            await command.ExecuteNonQueryAsync();
        }
        var bounds = await stored.GetBoundsAsync(room, CancellationToken.None);
        await hot.MarkPersistedAsync(room, bounds.HeadSeq, bounds.FirstSeq);
    }

    /// <summary>As <see cref="CopyAsync"/>, and Redis keeps no event of the room, as in a room that went on for long: Postgres alone knows them.</summary>
    public static async Task MoveAsync(IServiceProvider services, string room)
    {
        await CopyAsync(services, room);
        await services.GetRequiredService<IConnectionMultiplexer>().GetDatabase().StreamTrimAsync(RedisKeys.Stream(room), 0);
    }
}
