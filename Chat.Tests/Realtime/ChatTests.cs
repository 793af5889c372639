using System.Text.Json;

namespace Chat.Tests.Realtime;

[Collection(nameof(NodeCollection))]
public sealed class ChatTests(NodeFixture fixture)
{
    [Fact]
    public async Task Two_clients_of_a_room_chat()
    {
        var (ann, bob) = (NodeFixture.Name("ann"), NodeFixture.Name("bob"));
        var roomId = await fixture.RoomAsync(ann);
        await using var first = await fixture.Node.ConnectAsync(ann);
        await using var second = await fixture.Node.ConnectAsync(bob);
        Assert.Equal("ack", (await first.AskAsync(new { event_type = "subscribe", room_id = roomId })).GetProperty("event_type").GetString());
        Assert.Equal("ack", (await second.AskAsync(new { event_type = "subscribe", room_id = roomId })).GetProperty("event_type").GetString());

        var ack = await first.AskAsync(new { event_type = "chat_message", room_id = roomId, content = "hello", client_id = "c1" });
        Assert.Equal("ack", ack.GetProperty("event_type").GetString());
        Assert.Equal("c1", ack.GetProperty("client_id").GetString());

        foreach (var client in new[] { first, second })
        {
            var message = await client.NextAsync("chat_message");
            Assert.Equal("hello", message.GetProperty("content").GetString());
            Assert.Equal(ann, message.GetProperty("sender_id").GetString());
            Assert.Equal(ack.GetProperty("seq").GetInt64(), message.GetProperty("seq").GetInt64());
            Assert.Equal(ack.GetProperty("event_id").GetString(), message.GetProperty("event_id").GetString());
            Assert.Equal(ack.GetProperty("epoch").GetString(), message.GetProperty("epoch").GetString());
            Assert.Equal(ack.GetProperty("timestamp").GetString(), message.GetProperty("timestamp").GetString());
            Assert.Equal(JsonValueKind.Undefined, message.TryGetProperty("content_type", out var type) ? type.ValueKind : JsonValueKind.Undefined);
        }
    }
}
