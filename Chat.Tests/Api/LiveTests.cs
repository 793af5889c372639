using System.Net;
using System.Net.WebSockets;
using System.Text;
using System.Text.Json;
using Chat.Realtime.Access;
using Chat.Realtime.Fanout;
using Microsoft.Extensions.DependencyInjection;

namespace Chat.Tests.Api;

/// <summary>What changes by the API tell those who are connected.</summary>
[Collection(ApiCollection.Name)]
public sealed class LiveTests(ApiFixture fixture)
{
    private readonly ApiHost _host = fixture.Host;

    [Fact]
    public async Task A_changed_room_is_told_to_those_in_it()
    {
        var (owner, guest) = (_host.NewUser(), _host.NewUser());
        var roomId = await owner.CreateRoomAsync("public", "Old");
        using var socket = await SubscribedAsync(guest, roomId);
        (await owner.PatchAsync($"/api/rooms/{roomId}", new { name = "New", topic = "Tea" })).Expect(HttpStatusCode.OK);
        var update = await NextAsync(socket, "room_updated");
        Assert.Equal(roomId, update.GetProperty("room_id").GetString());
        Assert.Equal(owner.UserId, update.GetProperty("sender_id").GetString());
        Assert.False(update.TryGetProperty("seq", out _));
        Assert.True(update.GetProperty("event_id").TryGetGuid(out _));
        var content = JsonDocument.Parse(update.GetProperty("content").GetString()!).RootElement;
        Assert.Equal(["New", "Tea", "public"], [content.GetProperty("name").GetString(), content.GetProperty("topic").GetString(), content.GetProperty("kind").GetString()]);
    }

    [Theory]
    [InlineData("removed")]
    [InlineData("left")]
    [InlineData("deleted")]
    public async Task Who_loses_a_room_is_unsubscribed_with_the_reason(string reason)
    {
        var (owner, guest) = (_host.NewUser(), _host.NewUser());
        var roomId = await owner.CreateRoomAsync();
        using var socket = await SubscribedAsync(guest, roomId);
        var done = reason switch
        {
            "removed" => await owner.DeleteAsync($"/api/rooms/{roomId}/members/{guest.UserId}"),
            "left" => await guest.PostAsync($"/api/rooms/{roomId}/leave"),
            _ => await owner.DeleteAsync($"/api/rooms/{roomId}"),
        };
        done.Expect(HttpStatusCode.NoContent);
        var told = await NextAsync(socket, "unsubscribed");
        Assert.Equal(roomId, told.GetProperty("room_id").GetString());
        Assert.Equal(reason, told.GetProperty("reason").GetString());
        Assert.Equal(WebSocketState.Open, socket.State);
    }

    [Fact]
    public async Task A_deletion_that_was_cut_short_is_finished_later()
    {
        var owner = _host.NewUser();
        var roomId = await owner.CreateRoomAsync();
        await using (var cut = _host.Database.CreateCommand($"update rooms set deleted_at = now() where room_id = '{roomId}'")) await cut.ExecuteNonQueryAsync();
        var finisher = ActivatorUtilities.CreateInstance<DeletedRooms>(_host.Services);
        Assert.True(await finisher.FinishAsync(CancellationToken.None) >= 1);
        Assert.Equal(0, await _host.QueryAsync<long>($"select count(*) from members where room_id = '{roomId}'"));
    }

    [Fact]
    public async Task Requests_that_wait_are_answered_by_the_event_and_let_go_of_the_room()
    {
        var user = _host.NewUser();
        var roomId = await user.CreateRoomAsync();
        var rooms = _host.Services.GetRequiredService<LocalRooms>();
        for (var seq = 0; seq < 3; seq++)
        {
            var waiting = Task.WhenAll(Enumerable.Range(0, 5).Select(_ => user.GetAsync($"/api/rooms/{roomId}/messages?after_seq={seq}&wait=30")));
            await Until.TrueAsync(() => Task.FromResult(rooms.All().Any(room => room.RoomId == roomId && room.Holders == 5)), "five requests follow the room");
            Assert.False(waiting.IsCompleted);
            (await user.PostAsync($"/api/rooms/{roomId}/messages", new { content = $"{seq}" })).Expect(HttpStatusCode.Created);
            foreach (var answer in await waiting.WaitAsync(TimeSpan.FromSeconds(25)))
                Assert.Equal($"{seq}", Assert.Single(answer.Expect(HttpStatusCode.OK).Json.GetProperty("events").EnumerateArray()).GetProperty("content").GetString());
            Assert.All(rooms.All().Where(room => room.RoomId == roomId), room => Assert.Equal(0, room.Holders));
        }
    }

    private static async Task<ClientWebSocket> SubscribedAsync(ApiCaller user, string roomId)
    {
        using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        var socket = new ClientWebSocket();
        socket.Options.SetRequestHeader("Authorization", $"Bearer {user.AccessToken}");
        await socket.ConnectAsync(new Uri($"ws://{user.Address.Authority}/ws"), deadline.Token);
        await socket.SendAsync(Encoding.UTF8.GetBytes($$"""{"event_type":"subscribe","id":1,"room_id":"{{roomId}}"}"""), WebSocketMessageType.Text, true, deadline.Token);
        await NextAsync(socket, "ack");
        return socket;
    }

    /// <summary>The next frame of this type; others are passed over.</summary>
    private static async Task<JsonElement> NextAsync(ClientWebSocket socket, string eventType)
    {
        using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        var buffer = new byte[64 * 1024];
        while (true)
        {
            var length = 0;
            ValueWebSocketReceiveResult received;
            do
            {
                received = await socket.ReceiveAsync(buffer.AsMemory(length), deadline.Token);
                length += received.Count;
            } while (!received.EndOfMessage);
            Assert.True(received.MessageType == WebSocketMessageType.Text, $"Expected {eventType}, got {received.MessageType} {socket.CloseStatus}");
            var frame = JsonDocument.Parse(buffer.AsMemory(0, length).ToArray()).RootElement;
            if (frame.GetProperty("event_type").GetString() == eventType) return frame;
        }
    }
}
