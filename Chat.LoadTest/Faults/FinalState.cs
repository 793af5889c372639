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

    /// <summary>Each room once over every node, with the state of its messages, each time as another of those who may read it.</summary>
    public async Task<IReadOnlyList<HistoryView>> ViewsAsync(TrafficPlan plan, CancellationToken stop)
    {
        var views = new List<HistoryView>();
        for (var i = 0; i < routes.Count; i++)
        {
            foreach (var room in plan.Rooms) await AddAsync(room, plan.Writers[(i + 1) % plan.Writers.Count].UserId, routes[i]);
            // Each direct room is in the programs of its two users.
            foreach (var pair in plan.Writers.GroupBy(writer => writer.Peer.RoomId)) await AddAsync(pair.Key, pair.ElementAt(i % pair.Count()).UserId, routes[i]);
        }
        return views;

        async Task AddAsync(string room, string userId, Route route) =>
            views.Add(new HistoryView($"{userId} over {route.Name}", userId, room, await RoomAsync(room, users[userId], [route], withState: true, stop)));
    }

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
        (await dashboard.ProcessesOfAsync("postgres", stop)).FirstOrDefault() is { ConnectionString: { } told } server
            // Where the server listens: what clients are told may be a proxy.
            ? new NpgsqlConnectionStringBuilder(told) { Port = new Uri(server.Urls[0]).Port, Database = "chat" }.ConnectionString
            : null;

    private async Task<IReadOnlyDictionary<string, IReadOnlyList<StoredEvent>>> HistoryAsync(TrafficPlan plan, CancellationToken stop)
    {
        var history = new Dictionary<string, IReadOnlyList<StoredEvent>>();
        foreach (var room in plan.Rooms) history[room] = await RoomAsync(room, users[plan.Writers[0].UserId], routes, withState: false, stop);
        foreach (var writer in plan.Writers)
        {
            if (!history.ContainsKey(writer.Peer.RoomId)) history[writer.Peer.RoomId] = await RoomAsync(writer.Peer.RoomId, users[writer.UserId], routes, withState: false, stop);
        }
        return history;
    }

    private async Task<IReadOnlyList<StoredEvent>> RoomAsync(string room, User user, IReadOnlyList<Route> over, bool withState, CancellationToken stop)
    {
        var deadline = DateTime.UtcNow + Patience;
        for (var attempt = 0; ; attempt++)
        {
            try
            {
                var events = new List<StoredEvent>();
                await foreach (var (json, _) in HistoryPages.ReadAsync(http, over[attempt % over.Count], user.Token, room, 0, withState, stop)) events.Add(json.Stored(room));
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
