using Chat.Contracts;
using Chat.LoadTest.Platform;
using Chat.LoadTest.Recording;
using Chat.LoadTest.Traffic;
using Chat.LoadTest.Wire;
using Npgsql;

namespace Chat.LoadTest.Faults;

/// <summary>
/// Reads the rooms when everything is at rest: within 30 s of healing every reader and Postgres have what history has. Where they have
/// not, the wait ends all the same, and the checker says what is missing.
/// </summary>
internal sealed class FinalState(HttpCalls http, IReadOnlyList<Route> routes, IReadOnlyDictionary<string, User> users, Dashboard dashboard, string? postgres)
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan PollInterval = TimeSpan.FromMilliseconds(250);

    public async Task<(IReadOnlyDictionary<string, IReadOnlyList<StoredEvent>> History, IReadOnlyDictionary<string, IReadOnlyList<StoredEvent>>? Postgres)> SettleAsync(
        TrafficPlan plan, IReadOnlyList<Reader> readers, CancellationToken stop)
    {
        var history = await HistoryAsync(plan, stop);
        var deadline = DateTime.UtcNow + Patience;
        while (DateTime.UtcNow < deadline && !readers.All(reader => reader.Rooms.All(room => history[room] is not [.., var last] || reader.HasReached(room, last.Seq))))
            await Task.Delay(PollInterval, stop);

        var connection = postgres ?? await PostgresConnectionAsync(stop);
        if (connection is null) return (await HistoryAsync(plan, stop), null);
        while (true)
        {
            history = await HistoryAsync(plan, stop);
            try
            {
                var rows = await PostgresRooms.ReadAsync(connection, history.Keys, stop);
                if (DateTime.UtcNow >= deadline || history.All(room => rows[room.Key].Count == room.Value.Count)) return (history, rows);
            }
            catch (NpgsqlException away)
            {
                // It may be on its way up from the last fault.
                if (DateTime.UtcNow >= deadline) throw new UnhealedException($"Postgres cannot be read: {away.Message}");
            }
            await Task.Delay(PollInterval, stop);
        }
    }

    private async Task<string?> PostgresConnectionAsync(CancellationToken stop) =>
        (await dashboard.ProcessesOfAsync("postgres", stop)).FirstOrDefault()?.ConnectionString is { } server ? $"{server};Database=chat" : null;

    private async Task<IReadOnlyDictionary<string, IReadOnlyList<StoredEvent>>> HistoryAsync(TrafficPlan plan, CancellationToken stop)
    {
        var history = new Dictionary<string, IReadOnlyList<StoredEvent>>();
        foreach (var room in plan.Rooms) history[room] = await RoomAsync(room, users[plan.Writers[0].UserId], stop);
        foreach (var writer in plan.Writers)
        {
            if (!history.ContainsKey(writer.Peer.RoomId)) history[writer.Peer.RoomId] = await RoomAsync(writer.Peer.RoomId, users[writer.UserId], stop);
        }
        return history;
    }

    private async Task<IReadOnlyList<StoredEvent>> RoomAsync(string room, User user, CancellationToken stop)
    {
        var deadline = DateTime.UtcNow + Patience;
        for (var attempt = 0; ; attempt++)
        {
            try
            {
                var events = new List<StoredEvent>();
                await foreach (var json in HistoryPages.ReadAsync(http, routes[attempt % routes.Count], user.Token, room, 0, stop)) events.Add(json.Stored(room));
                return events;
            }
            catch (Exception failure) when (failure is LinkLostException or ChatException)
            {
                if (DateTime.UtcNow >= deadline) throw new UnhealedException($"The history of {room} could not be read for {Patience.TotalSeconds} s: {failure.Message}");
                await Task.Delay(PollInterval, stop);
            }
        }
    }
}
