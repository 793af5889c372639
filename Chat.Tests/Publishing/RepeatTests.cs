using System.Net.Http.Json;
using System.Text.Json;
using Chat.Contracts;
using Chat.Realtime.Log;
using Chat.Realtime.Publishing;
using Chat.Tests.Backends;
using Chat.Tests.Epochs;
using Chat.Tests.Hub;
using Chat.Tests.Persister;
using Chat.Tests.Realtime;

namespace Chat.Tests.Publishing;

/// <summary>A send and its repeats are one event, whichever doors they come by and whatever became of the first.</summary>
[Collection(nameof(NodeCollection))]
public sealed class RepeatTests(NodeFixture fixture, PostgresFixture postgres)
{
    [Fact]
    public async Task A_client_id_that_comes_by_all_doors_of_two_nodes_at_once_makes_one_event()
    {
        const int rounds = 6;
        var user = NodeFixture.Name("ann");
        var roomId = await fixture.RoomAsync(user);
        await using var other = await TestNode.StartAsync(fixture.Node.Backing);
        await using var socket = await fixture.Node.ConnectAsync(user);
        await using var otherSocket = await other.ConnectAsync(user);
        await using var hub = await HubClient.OpenAsync(fixture.Node.Address, TestNode.Token(user));
        await using var otherHub = await HubClient.OpenAsync(other.Address, TestNode.Token(user), messagePack: true);
        using var http = fixture.Node.Http(user);
        using var otherHttp = other.Http(user);
        for (var round = 0; round < rounds; round++)
        {
            var clientId = round % 2 == 0 ? $"round {round}" : Guid.CreateVersion7().ToString();
            var command = new { event_type = "chat_message", room_id = roomId, content = "once", client_id = clientId };
            (string, object?)[] fields = [("room_id", roomId), ("content", "once"), ("client_id", clientId)];
            var acks = await Task.WhenAll(
                socket.AskAsync(command), otherSocket.AskAsync(command), hub.CallAsync("SendMessage", fields), otherHub.CallAsync("SendMessage", fields),
                SendAsync(http, roomId, "once", clientId), SendAsync(otherHttp, roomId, "once", clientId));
            Assert.Single(acks.Select(ack => (ack.GetProperty("event_id").GetString(), ack.GetProperty("seq").GetInt64(), ack.GetProperty("timestamp").GetString())).Distinct());
        }
        var history = await socket.AskAsync(new { event_type = "history", room_id = roomId, limit = 200 });
        Assert.Equal(rounds, history.GetProperty("events").EnumerateArray().Count(e => e.GetProperty("event_type").GetString() == "chat_message"));
    }

    [Fact]
    public async Task A_send_whose_node_died_between_the_log_and_the_numbering_and_its_repeats_are_one_event()
    {
        await using var platform = await Platform.StartAsync(postgres);
        using var log = new TestLog(platform.Backing.Kafka);
        var (user, roomId) = (NodeFixture.Name("ann"), NodeFixture.Name("room"));
        using var first = platform.Nodes[0].Http(user);
        using var second = platform.Nodes[1].Http(user);
        using (var made = await first.PostAsync("/api/rooms", NodeFixture.JsonContent(new { room_id = roomId, name = roomId, kind = "public" })))
            Assert.True(made.IsSuccessStatusCode, await made.Content.ReadAsStringAsync());

        async Task RepeatAsync(string clientId, Guid eventId)
        {
            var acks = await Task.WhenAll(SendAsync(first, roomId, "repeat", clientId), SendAsync(second, roomId, "repeat", clientId));
            Assert.Equal(eventId, Assert.Single(acks.Select(ack => ack.GetProperty("event_id").GetGuid()).Distinct()));
            Assert.Single(acks.Select(ack => ack.GetProperty("seq").GetInt64()).Distinct());
        }
        string[] NewIds() => [$"plain {Guid.NewGuid()}", Guid.CreateVersion7().ToString()];

        // The repeat comes before the persister has seen what the dead node left.
        foreach (var clientId in NewIds()) await RepeatAsync(clientId, await LogAloneAsync(log, user, roomId, clientId));
        await platform.StartPersisterAsync();
        await WaitForRowsAsync(platform, roomId, 2);
        // The persister has numbered it before the repeat comes.
        var rows = 2;
        foreach (var clientId in NewIds())
        {
            var eventId = await LogAloneAsync(log, user, roomId, clientId);
            await WaitForRowsAsync(platform, roomId, ++rows);
            await RepeatAsync(clientId, eventId);
        }

        await SendAsync(first, roomId, "last", "last");
        Assert.Equal(["repeat", "repeat", "left", "left", "last"], (await WaitForRowsAsync(platform, roomId, 5)).Select(row => row.Content));
    }

    /// <summary>What a node does up to the moment at which it dies.</summary>
    private static async Task<Guid> LogAloneAsync(TestLog log, string user, string roomId, string clientId)
    {
        var now = DateTimeOffset.UtcNow;
        var (id, others) = KnownEvents.IdsOf(user, roomId, clientId, now);
        var envelope = new ChatEvent
        {
            EventType = EventTypes.ChatMessage,
            EventId = id.ToString("D"),
            RoomId = roomId,
            SenderId = user,
            SenderName = user,
            Content = "left",
            Timestamp = now,
            ClientId = clientId,
        };
        var message = LogRecords.ToMessage(new Publication(new OutgoingEvent(envelope, others, AccessVersion: 0, CreatedEpoch: 0, Participants: null)));
        await log.AppendRawAsync(message.Key, message.Value, message.Headers);
        return id;
    }

    private static async Task<JsonElement> SendAsync(HttpClient http, string roomId, string content, string clientId)
    {
        using var sent = await http.PostAsync($"/api/rooms/{roomId}/messages", NodeFixture.JsonContent(new { content, client_id = clientId }));
        Assert.True(sent.IsSuccessStatusCode, await sent.Content.ReadAsStringAsync());
        return await sent.Content.ReadFromJsonAsync<JsonElement>();
    }

    private static async Task<IReadOnlyList<(long Seq, int Epoch, string Content)>> WaitForRowsAsync(Platform platform, string roomId, int count)
    {
        IReadOnlyList<(long Seq, int Epoch, string Content)> rows = [];
        await PersisterServers.PollAsync(async () => (rows = await platform.RowsAsync(roomId)).Count >= count, () => $"{count} messages of {roomId} in Postgres, where there are {rows.Count}");
        return rows;
    }
}
