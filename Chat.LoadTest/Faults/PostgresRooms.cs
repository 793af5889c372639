using System.Globalization;
using System.Text.Json;
using Chat.LoadTest.Recording;
using Chat.LoadTest.Wire;
using Npgsql;

namespace Chat.LoadTest.Faults;

/// <summary>Reads rooms from Postgres, past all services.</summary>
internal static class PostgresRooms
{
    public static async Task<IReadOnlyDictionary<string, IReadOnlyList<StoredEvent>>> ReadAsync(string connectionString, IEnumerable<string> rooms, CancellationToken stop)
    {
        await using var source = NpgsqlDataSource.Create(connectionString);
        var found = new Dictionary<string, IReadOnlyList<StoredEvent>>();
        foreach (var room in rooms) found[room] = await RoomAsync(source, room, stop);
        return found;
    }

    private static async Task<IReadOnlyList<StoredEvent>> RoomAsync(NpgsqlDataSource source, string roomId, CancellationToken stop)
    {
        await using var command = source.CreateCommand("select seq, epoch, event_id, body from events where room_id = $1 order by seq");
        command.Parameters.AddWithValue(roomId);
        await using var reader = await command.ExecuteReaderAsync(stop);
        var events = new List<StoredEvent>();
        while (await reader.ReadAsync(stop))
        {
            var (seq, epoch, body) = (reader.GetInt64(0), reader.GetInt32(1).ToString(CultureInfo.InvariantCulture), reader.GetString(3));
            // The row has what the log has; delivered events have their position in front.
            using var json = JsonDocument.Parse(string.Create(CultureInfo.InvariantCulture, $"{{\"seq\":{seq},\"epoch\":\"{epoch}\",{body.AsSpan(1)}"));
            events.Add(json.RootElement.Stored(roomId) with { EventId = reader.GetGuid(2).ToString() });
        }
        return events;
    }
}
