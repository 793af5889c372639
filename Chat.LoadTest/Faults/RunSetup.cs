using Chat.LoadTest.CommandLine;
using Chat.LoadTest.Traffic;
using Chat.LoadTest.Wire;

namespace Chat.LoadTest.Faults;

/// <summary>Makes users and rooms before anything is disturbed.</summary>
internal sealed class RunSetup(HttpCalls http, Route route)
{
    public async Task PrepareAsync(TrafficPlan plan, IReadOnlyDictionary<string, User> users, CancellationToken stop)
    {
        try
        {
            foreach (var user in users.Values) await http.GetAsync(route, user.Token, "/api/me", stop);
            var owner = users[plan.Writers[0].UserId];
            foreach (var room in plan.Rooms) await http.PostAsync(route, owner.Token, "/api/rooms", new { room_id = room, name = room, kind = "public" }, stop);
            foreach (var writer in plan.Writers)
            {
                var made = await http.PostAsync(route, users[writer.UserId].Token, "/api/rooms/direct", new { user_id = writer.Peer.UserId }, stop);
                if (made.Text("room_id") != writer.Peer.RoomId) throw new UsageException($"The direct room of {writer.UserId} has the id {made.Text("room_id")}, which is not the documented one.");
            }
        }
        catch (Exception failure) when (failure is LinkLostException or Contracts.ChatException)
        {
            throw new UsageException($"The run could not be prepared over {route.Address}: {failure.Message} {failure.InnerException?.Message}");
        }
    }
}
