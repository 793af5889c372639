using Chat.Realtime.Connections;
using Chat.Tests.EndToEnd;
using Chat.Tests.Realtime;
using Microsoft.Extensions.DependencyInjection;

namespace Chat.Tests.Hub;

/// <summary>A hub client that does not read while its room is busy.</summary>
[Collection(nameof(NodeCollection))]
public sealed class SlowHubClientTests(NodeFixture fixture)
{
    // What waits in the node, in the hub's buffers and in the kernel's, which take some MB: 20 MB are never held.
    private const int MaxEvents = 1_000;
    private const int EventBytes = 20_000;

    [Fact]
    public async Task It_is_closed_with_4408_and_the_others_do_not_notice()
    {
        await using var node = await StartAsync(patience: "00:00:30");
        var (ann, bob, roomId) = await RoomAsync(node);
        using var slow = await SlowHubClient.SubscribeAsync(node, bob, roomId);
        await SendUntilClosedAsync(node, ann, bob, roomId);
        Assert.Contains("4408: ", await slow.CloseMessageAsync());
        await Await.UntilAsync(() => node.Services.GetRequiredService<ConnectionRegistry>().OfUser(bob).Count == 0, "the end of the connection");
    }

    [Fact]
    public async Task Who_does_not_read_even_the_close_is_cut()
    {
        await using var node = await StartAsync(patience: "00:00:01");
        var (ann, bob, roomId) = await RoomAsync(node);
        using var slow = await SlowHubClient.SubscribeAsync(node, bob, roomId);
        await SendUntilClosedAsync(node, ann, bob, roomId);
        await Await.UntilAsync(() => node.Services.GetRequiredService<ConnectionRegistry>().OfUser(bob).Count == 0, "the end of the connection");
    }

    private async Task<TestNode> StartAsync(string patience) => await TestNode.StartAsync(
        await fixture.BackingAsync(), ("Chat:Connections:MaxQueuedBytes", "65536"), ("Chat:Connections:SlowConsumerTimeout", patience));

    private static async Task<(string Ann, string Bob, string RoomId)> RoomAsync(TestNode node)
    {
        var (ann, bob, roomId) = (NodeFixture.Name("ann"), NodeFixture.Name("bob"), NodeFixture.Name("room"));
        using var http = node.Http(ann);
        using var made = await http.PostAsync("/api/rooms", NodeFixture.JsonContent(new { room_id = roomId, name = roomId, kind = "public" }));
        Assert.True(made.IsSuccessStatusCode, await made.Content.ReadAsStringAsync());
        return (ann, bob, roomId);
    }

    /// <summary>Each of these messages comes back to its sender, over the hub and over a socket, whatever becomes of the slow one.</summary>
    private static async Task SendUntilClosedAsync(TestNode node, string ann, string bob, string roomId)
    {
        var connection = Assert.Single(node.Services.GetRequiredService<ConnectionRegistry>().OfUser(bob));
        await using var hub = await HubClient.OpenAsync(node.Address, TestNode.Token(ann));
        await using var socket = await node.ConnectAsync(ann);
        await hub.CallAsync("Subscribe", ("room_id", roomId));
        await socket.AskAsync(new { event_type = "subscribe", room_id = roomId });
        var content = new string('x', EventBytes);
        for (var sent = 0; !connection.IsClosing; sent++)
        {
            Assert.True(sent < MaxEvents, "Nothing was bounded.");
            var seq = (await hub.CallAsync("SendMessage", ("room_id", roomId), ("content", content))).GetProperty("seq").GetInt64();
            Assert.Equal(seq, (await hub.NextAsync("chat_message")).GetProperty("seq").GetInt64());
            Assert.Equal(seq, (await socket.NextAsync("chat_message")).GetProperty("seq").GetInt64());
        }
        Assert.Equal(4408, connection.ClosedWith!.Value.Code);
        await hub.CallAsync("GetHistory", ("room_id", roomId), ("limit", 1));
    }
}
