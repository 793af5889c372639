using System.Net;
using System.Text.Json;
using Chat.Tests.Backends;
using Chat.Tests.Epochs;
using Chat.Tests.Persister;
using Chat.Tests.Realtime;

namespace Chat.Tests.Cluster;

/// <summary>What members notice of each other over two nodes, with rooms and users on every shard of a cluster.</summary>
public sealed class LiveTests(ClusteredPlatform clustered) : IClassFixture<ClusteredPlatform>
{
    private readonly Platform _platform = clustered.Platform;

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    public async Task Messages_and_typing_reach_the_other_node_and_Postgres(int shard)
    {
        var (ann, bob) = (RedisCluster.NameOn(shard, "ann"), RedisCluster.NameOn((shard + 1) % 3, "bob"));
        var room = await RoomAsync(shard, ann);
        await using var one = await _platform.Nodes[0].ConnectAsync(ann);
        await using var two = await _platform.Nodes[1].ConnectAsync(bob);
        foreach (var client in new[] { one, two }) await AckedAsync(client, new { event_type = "subscribe", room_id = room });

        await AckedAsync(one, new { event_type = "typing", room_id = room, active = true });
        Assert.Equal(ann, (await two.NextAsync("typing")).GetProperty("sender_id").GetString());
        for (var i = 0; i < 5; i++)
        {
            var sent = await AckedAsync(one, new { event_type = "chat_message", room_id = room, content = $"{i}" });
            Assert.Equal(sent.GetProperty("seq").GetInt64(), (await two.NextAsync("chat_message")).GetProperty("seq").GetInt64());
        }
        await PersisterServers.PollAsync(async () => (await _platform.RowsAsync(room)).Count == 5, () => "five messages in Postgres");
    }

    [Theory]
    [InlineData(0, 1)]
    [InlineData(1, 2)]
    [InlineData(2, 0)]
    public async Task Direct_messages_reach_both_users_and_are_found_by_who_was_away(int annsShard, int bobsShard)
    {
        var (ann, bob) = (RedisCluster.NameOn(annsShard, "ann"), RedisCluster.NameOn(bobsShard, "bob"));
        await using var one = await _platform.Nodes[0].ConnectAsync(ann);
        await using var other = await _platform.Nodes[1].ConnectAsync(ann);
        await using (var two = await _platform.Nodes[1].ConnectAsync(bob))
        {
            await AckedAsync(one, new { event_type = "direct_message", user_id = bob, content = "one" });
            foreach (var client in new[] { one, other, two }) Assert.Equal("one", (await client.NextAsync("chat_message")).GetProperty("content").GetString());
        }
        await AckedAsync(one, new { event_type = "direct_message", user_id = bob, content = "two" });

        using var http = _platform.Nodes[1].Http(bob);
        var rooms = JsonDocument.Parse(await http.GetStringAsync("/api/rooms")).RootElement;
        Assert.Equal((2, "two"), (rooms[0].GetProperty("unread").GetInt32(), rooms[0].GetProperty("last_event").GetProperty("content").GetString()));
    }

    [Fact]
    public async Task Presence_of_users_of_all_shards_is_seen_on_the_other_node()
    {
        string[] users = [RedisCluster.NameOn(0, "user"), RedisCluster.NameOn(1, "user"), RedisCluster.NameOn(2, "user")];
        var watcher = NodeFixture.Name("watcher");
        var room = await RoomAsync(2, watcher);
        foreach (var user in users) await JoinAsync(room, user);
        await using var watching = await _platform.Nodes[0].ConnectAsync(watcher);
        await AckedAsync(watching, new { event_type = "subscribe", room_id = room });

        var clients = new List<TestClient>();
        foreach (var user in users) clients.Add(await _platform.Nodes[1].ConnectAsync(user));
        await CountsAsync(4);
        foreach (var client in clients) await client.CloseAsync();
        await CountsAsync(1);
        foreach (var user in users) await watching.NextAsync(e => Is(e, user, "offline"), $"{user} going");

        Task CountsAsync(int expected) => PersisterServers.PollAsync(
            async () => (await watching.AskAsync(new { event_type = "presence", room_id = room })).GetProperty("count").GetInt32() == expected, () => $"{expected} online");

        static bool Is(JsonElement e, string user, string status) =>
            e.GetProperty("event_type").GetString() == "presence" && e.GetProperty("sender_id").GetString() == user && e.GetProperty("status").GetString() == status;
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    public async Task A_limit_holds_over_both_nodes(int shard)
    {
        var user = RedisCluster.NameOn(shard, "user");
        var room = await RoomAsync((shard + 1) % 3, user);
        var open = new List<TestClient>();
        foreach (var node in _platform.Nodes) open.Add(await node.ConnectAsync(user));

        var codes = new List<string?>();
        for (var i = 0; i < 40; i++)
        {
            var reply = await open[i % 2].AskAsync(new { event_type = "chat_message", room_id = room, content = $"{i}" });
            codes.Add(reply.TryGetProperty("code", out var code) ? code.GetString() : null);
        }
        Assert.Contains("rate_limited", codes);
        Assert.True(codes.Count(code => code is null) >= 10, "a burst of ten passes");
        foreach (var client in open) await client.DisposeAsync();
    }

    [Fact]
    public async Task Read_markers_of_users_of_all_shards_are_told_and_written_down()
    {
        for (var shard = 0; shard < 3; shard++)
        {
            var (ann, bob) = (NodeFixture.Name("ann"), RedisCluster.NameOn(shard, "bob"));
            var room = await RoomAsync(0, ann);
            await JoinAsync(room, bob);
            await using var sender = await _platform.Nodes[0].ConnectAsync(ann);
            await using var phone = await _platform.Nodes[0].ConnectAsync(bob);
            await using var desk = await _platform.Nodes[1].ConnectAsync(bob);
            var seq = (await AckedAsync(sender, new { event_type = "chat_message", room_id = room, content = "hello" })).GetProperty("seq").GetInt64();

            Assert.Equal(0, (await AckedAsync(phone, new { event_type = "read", room_id = room, seq })).GetProperty("unread").GetInt32());

            Assert.Equal(seq, (await desk.NextAsync("read")).GetProperty("read_seq").GetInt64());
            await PersisterServers.PollAsync(async () =>
            {
                await using var command = _platform.Database.CreateCommand("select seq from read_markers where user_id = $1 and room_id = $2");
                command.Parameters.AddWithValue(bob);
                command.Parameters.AddWithValue(room);
                return await command.ExecuteScalarAsync() is long written && written == seq;
            }, () => "the marker in Postgres");
        }
    }

    private async Task<string> RoomAsync(int shard, string owner)
    {
        var room = RedisCluster.NameOn(shard);
        using var http = _platform.Nodes[0].Http(owner);
        using var made = await http.PostAsync("/api/rooms", NodeFixture.JsonContent(new { room_id = room, name = room, kind = "public" }));
        Assert.Equal(HttpStatusCode.Created, made.StatusCode);
        return room;
    }

    private async Task JoinAsync(string room, string user)
    {
        using var http = _platform.Nodes[1].Http(user);
        using var joined = await http.PostAsync($"/api/rooms/{room}/join", null);
        Assert.True(joined.IsSuccessStatusCode, await joined.Content.ReadAsStringAsync());
    }

    private static async Task<JsonElement> AckedAsync(TestClient client, object command)
    {
        var reply = await client.AskAsync(command);
        Assert.Equal("ack", reply.GetProperty("event_type").GetString());
        return reply;
    }
}
