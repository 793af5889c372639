using System.Text.Json;
using Chat.Tests.Realtime;

namespace Chat.Tests.Commands;

/// <summary>A room with its owner connected and subscribed, and the shortest way to each command.</summary>
public sealed class ChatRoom(TestNode node, string id, string owner, TestClient client) : IAsyncDisposable
{
    public string Id { get; } = id;
    public string Owner { get; } = owner;

    /// <summary>The owner's connection.</summary>
    public TestClient Client { get; } = client;

    public static async Task<ChatRoom> CreateAsync(TestNode node, string kind = "public")
    {
        var (owner, roomId) = (NodeFixture.Name("ann"), NodeFixture.Name("room"));
        using (var http = node.Http(owner))
        using (var made = await http.PostAsync("/api/rooms", NodeFixture.JsonContent(new { room_id = roomId, name = $"Name of {roomId}", kind })))
            Assert.True(made.IsSuccessStatusCode, await made.Content.ReadAsStringAsync());
        var client = await node.ConnectAsync(owner);
        Assert.Equal("ack", (await client.AskAsync(new { event_type = "subscribe", room_id = roomId })).Text("event_type"));
        return new ChatRoom(node, roomId, owner, client);
    }

    /// <summary>Another user's connection, subscribed and so a member.</summary>
    public async Task<TestClient> JoinAsync(string user)
    {
        var joined = await node.ConnectAsync(user);
        Assert.Equal("ack", (await joined.AskAsync(new { event_type = "subscribe", room_id = Id })).Text("event_type"));
        return joined;
    }

    /// <summary>Adds a user with a role, as the owner.</summary>
    public async Task AddAsync(string user, string role)
    {
        using var http = node.Http(Owner);
        using var added = await http.PostAsync($"/api/rooms/{Id}/members", NodeFixture.JsonContent(new { user_id = user, role }));
        Assert.True(added.IsSuccessStatusCode, await added.Content.ReadAsStringAsync());
    }

    /// <summary>Sends a message and returns its event id.</summary>
    public async Task<string> SendAsync(string content, TestClient? by = null) =>
        (await AckAsync(by ?? Client, new { event_type = "chat_message", room_id = Id, content })).Text("event_id");

    public Task<JsonElement> EditAsync(string target, string content, TestClient? by = null) =>
        (by ?? Client).AskAsync(new { event_type = "edit_message", room_id = Id, target_id = target, content });

    public Task<JsonElement> DeleteAsync(string target, TestClient? by = null) =>
        (by ?? Client).AskAsync(new { event_type = "delete_message", room_id = Id, target_id = target });

    public Task<JsonElement> ReactAsync(string target, string emoji, bool remove = false, TestClient? by = null) =>
        (by ?? Client).AskAsync(new { event_type = "react", room_id = Id, target_id = target, content = emoji, remove });

    /// <summary>The events of the newest page, over the socket.</summary>
    public async Task<IReadOnlyList<JsonElement>> HistoryAsync(bool state = false, TestClient? by = null) =>
        [.. (await AckAsync(by ?? Client, new { event_type = "history", room_id = Id, limit = 200, state })).GetProperty("events").EnumerateArray()];

    /// <summary>The same over HTTP.</summary>
    public async Task<IReadOnlyList<JsonElement>> HttpHistoryAsync(string query = "limit=200")
    {
        using var http = node.Http(Owner);
        return [.. JsonDocument.Parse(await http.GetStringAsync($"/api/rooms/{Id}/messages?{query}")).RootElement.GetProperty("events").EnumerateArray()];
    }

    /// <summary>The gap after a number, as a new connection recovers it.</summary>
    public async Task<IReadOnlyList<JsonElement>> GapAsync(long since)
    {
        await using var resumed = await node.ConnectAsync(Owner);
        var ack = await AckAsync(resumed, new { event_type = "subscribe", room_id = Id, since_seq = since });
        Assert.True(ack.GetProperty("recovered").GetBoolean());
        return [.. ack.GetProperty("events").EnumerateArray()];
    }

    private static async Task<JsonElement> AckAsync(TestClient client, object command)
    {
        var reply = await client.AskAsync(command);
        Assert.True(reply.Text("event_type") == "ack", reply.ToString());
        return reply;
    }

    public ValueTask DisposeAsync() => Client.DisposeAsync();
}

/// <summary>What tests ask of a frame.</summary>
internal static class FrameFields
{
    public static string Text(this JsonElement frame, string field) =>
        frame.TryGetProperty(field, out var value) ? value.GetString()! : throw new InvalidOperationException($"No {field} in {frame}");

    public static string? TextOrNull(this JsonElement frame, string field) => frame.TryGetProperty(field, out var value) ? value.GetString() : null;

    public static bool Has(this JsonElement frame, string field) => frame.TryGetProperty(field, out _);

    public static long Seq(this JsonElement frame) => frame.GetProperty("seq").GetInt64();

    public static JsonElement WithId(this IEnumerable<JsonElement> events, string eventId) => events.Single(e => e.Text("event_id") == eventId);
}
