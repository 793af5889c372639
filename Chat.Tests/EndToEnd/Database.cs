using Chat.Contracts;
using Npgsql;

namespace Chat.Tests.EndToEnd;

/// <summary>What Postgres has of a room, read past all services.</summary>
internal static class Database
{
    public sealed record Row(long Seq, string EventId, string EventType, string Body);

    /// <summary>All events of a room, ascending.</summary>
    public static async Task<IReadOnlyList<Row>> EventsAsync(ChatSystem system, string roomId)
    {
        await using var source = NpgsqlDataSource.Create(await system.ConnectionStringAsync("chatdb"));
        await using var command = source.CreateCommand("select seq, event_id, event_type, body from events where room_id = $1 order by seq");
        command.Parameters.AddWithValue(roomId);
        await using var reader = await command.ExecuteReaderAsync();
        var rows = new List<Row>();
        while (await reader.ReadAsync())
            rows.Add(new Row(reader.GetInt64(0), reader.GetGuid(1).ToString(), reader.GetString(2), reader.GetString(3)));
        return rows;
    }

    /// <summary>Waits until the persister has written the room up to <paramref name="seq"/>.</summary>
    public static Task PersistedAsync(ChatSystem system, string roomId, long seq) => Await.UntilAsync(
        async () => (await EventsAsync(system, roomId)) is [.., var last] && last.Seq >= seq,
        () => $"event {seq} of {roomId} in Postgres");

    /// <summary>The whole history of a room, paged as a client does it.</summary>
    public static async Task<IReadOnlyList<ChatEvent>> HistoryAsync(Person reader, string roomId)
    {
        var events = new List<ChatEvent>();
        var page = await reader.Api.GetMessagesAsync(roomId, afterSeq: 0, limit: 200).Within("a page of history");
        events.AddRange(page.Events);
        while (page.HasMore)
        {
            page = await reader.Api.GetMessagesAsync(roomId, afterSeq: events[^1].Seq, limit: 200).Within("a page of history");
            Assert.NotEmpty(page.Events);
            events.AddRange(page.Events);
        }
        return events;
    }

    /// <summary>Puts a person into private rooms without events, all at once and after all rooms that the person is in.</summary>
    public static async Task JoinRoomsAsync(ChatSystem system, Person person, string prefix, int count)
    {
        await using var source = NpgsqlDataSource.Create(await system.ConnectionStringAsync("chatdb"));
        await using var command = source.CreateCommand("""
            with made as (
                insert into rooms (room_id, name, kind, created_by, created_at, created_epoch, member_count)
                select $2 || n, $2 || n, 'private', $1, now(), 0, 1 from generate_series(1, $3) n returning room_id)
            insert into members (room_id, user_id, role, joined_at) select room_id, $1, 'owner', now() from made
            """);
        command.Parameters.AddWithValue(person.UserId);
        command.Parameters.AddWithValue(prefix);
        command.Parameters.AddWithValue(count);
        Assert.Equal(count, await command.ExecuteNonQueryAsync());
    }
}
