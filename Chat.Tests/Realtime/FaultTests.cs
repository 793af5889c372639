using System.Diagnostics;
using System.Text.Json;
using Chat.Contracts;
using Chat.Tests.Backends;
using Chat.Tests.Persister;

namespace Chat.Tests.Realtime;

/// <summary>Servers that are killed under a node: sends are refused at once, connections stay, everything goes on by itself, nothing is lost or twice.</summary>
public sealed class FaultTests(PostgresFixture postgres, RedisFixture redis, KafkaFixture kafka)
{
    private static readonly TimeSpan Recovery = TimeSpan.FromSeconds(60);

    [Fact]
    public async Task While_Redis_is_away_sends_are_refused_and_afterwards_everything_goes_on()
    {
        await using var ownRedis = await RedisFixture.StartServerAsync();
        await using var ownKafka = await KafkaFixture.StartServerAsync();
        var backing = new Backing(ownRedis.ConnectionString, ownKafka.ConnectionString, await postgres.CreateDatabaseAsync());
        await using var node = await TestNode.StartAsync(backing);
        // A Redis that comes back is a new epoch, in which a persister has to open the partitions.
        await using var persister = await PersisterProcess.StartAsync(backing.Kafka, backing.Redis, backing.Postgres);
        await AssertOutageAsync(node, ownRedis);
    }

    [Fact]
    public async Task While_the_log_is_away_sends_are_refused_and_afterwards_everything_goes_on()
    {
        await using var ownKafka = await KafkaFixture.StartServerAsync();
        await using var node = await TestNode.StartAsync(new Backing(await redis.CreateDatabaseAsync(), ownKafka.ConnectionString, await postgres.CreateDatabaseAsync()));
        await AssertOutageAsync(node, ownKafka);
    }

    [Fact]
    public async Task While_Postgres_is_away_the_chat_of_a_room_goes_on()
    {
        await using var ownPostgres = await PostgresFixture.StartServerAsync();
        await using var node = await TestNode.StartAsync(
            new Backing(await redis.CreateDatabaseAsync(), await kafka.GetConnectionStringAsync(), await ownPostgres.CreateDatabaseAsync()));
        var user = NodeFixture.Name("ann");
        var roomId = NodeFixture.Name("room");
        using (var http = node.Http(user))
        using (await http.PostAsync("/api/rooms", NodeFixture.JsonContent(new { room_id = roomId, name = roomId, kind = "public" }))) { }
        await using var client = await node.ConnectAsync(user);
        await client.AskAsync(new { event_type = "subscribe", room_id = roomId });
        await client.AskAsync(new { event_type = "chat_message", room_id = roomId, content = "before" });
        await ownPostgres.KillAsync();
        for (var i = 0; i < 3; i++)
        {
            var ack = await client.AskAsync(new { event_type = "chat_message", room_id = roomId, content = $"@bob {i}", client_id = $"c{i}" });
            Assert.Equal("ack", ack.GetProperty("event_type").GetString());
        }
        for (var i = -1; i < 3; i++) await client.NextAsync("chat_message");
    }

    private static async Task AssertOutageAsync(TestNode node, TestServer server)
    {
        var user = NodeFixture.Name("ann");
        var roomId = NodeFixture.Name("room");
        using (var http = node.Http(user))
        using (var made = await http.PostAsync("/api/rooms", NodeFixture.JsonContent(new { room_id = roomId, name = roomId, kind = "public" })))
            Assert.True(made.IsSuccessStatusCode, await made.Content.ReadAsStringAsync());
        await using var client = await node.ConnectAsync(user);
        var start = (await client.AskAsync(new { event_type = "subscribe", room_id = roomId })).GetProperty("head_seq").GetInt64();
        var acked = new SortedDictionary<long, string>();
        async Task<JsonElement> SendAsync(string content)
        {
            var reply = await client.AskAsync(new { event_type = "chat_message", room_id = roomId, content, client_id = content });
            if (reply.GetProperty("event_type").GetString() == "ack") acked[reply.GetProperty("seq").GetInt64()] = content;
            return reply;
        }
        for (var i = 0; i < 5; i++) await SendAsync($"before{i}");

        // Sends that are under way when the server dies: acked, or refused with their outcome unknown.
        const int burst = 40;
        for (var i = 0; i < burst; i++)
            await client.SendTextAsync(JsonSerializer.Serialize(
                new { event_type = "chat_message", id = $"b{i}", room_id = roomId, content = $"burst{i}", client_id = $"burst{i}" }));
        await server.KillAsync();
        for (var i = 0; i < burst; i++)
        {
            var id = $"b{i}";
            var reply = await client.NextAsync(frame => frame.TryGetProperty("id", out var replied) && replied.ValueKind == JsonValueKind.String && replied.GetString() == id, $"a reply to {id}");
            if (reply.GetProperty("event_type").GetString() == "ack") acked[reply.GetProperty("seq").GetInt64()] = $"burst{i}";
            else Assert.Equal("unavailable", reply.GetProperty("code").GetString());
        }
        var refused = await SendAsync("during"); // the one that notices may have to wait for its time-out
        for (var clock = Stopwatch.StartNew(); refused.GetProperty("event_type").GetString() == "ack" && clock.Elapsed < Recovery;) refused = await SendAsync("during-more");
        Assert.Equal("unavailable", refused.GetProperty("code").GetString());
        // The quickest of three: a busy machine may hold up one, and a time-out is longer than the bound each time.
        var quickest = TimeSpan.MaxValue;
        for (var i = 0; i < 3; i++)
        {
            var quick = Stopwatch.StartNew();
            Assert.Equal("unavailable", (await SendAsync("during2")).GetProperty("code").GetString());
            if (quick.Elapsed < quickest) quickest = quick.Elapsed;
        }
        Assert.True(quickest < TimeSpan.FromSeconds(3), $"A refusal took {quickest}.");
        Assert.Equal("pong", (await client.AskAsync(new { event_type = "ping" })).GetProperty("event_type").GetString());
        using (var http = new HttpClient())
        {
            using var health = await http.GetAsync(new Uri(node.Address, "/health"));
            Assert.Equal(System.Net.HttpStatusCode.OK, health.StatusCode);
        }

        await server.StartAsync();
        JsonElement after;
        var healing = Stopwatch.StartNew();
        do after = await SendAsync("after");
        while (after.GetProperty("event_type").GetString() != "ack" && healing.Elapsed < Recovery);
        Assert.Equal("ack", after.GetProperty("event_type").GetString());
        // A repeat of what was refused is safe, whatever became of it.
        await SendAsync("during");
        for (var i = 0; i < 5; i++) await SendAsync($"before{i}");
        for (var i = 0; i < burst; i++) Assert.Equal("ack", (await SendAsync($"burst{i}")).GetProperty("event_type").GetString());

        // Every acked event arrived once, in order, without a hole up to the last one.
        var seen = new SortedDictionary<long, string>();
        while (seen.Count == 0 || seen.Keys.Last() < acked.Keys.Last())
        {
            var message = await client.NextAsync("chat_message");
            Assert.True(seen.TryAdd(message.GetProperty("seq").GetInt64(), message.GetProperty("content").GetString()!));
        }
        Assert.All(acked, pair => Assert.Equal(pair.Value, seen[pair.Key]));
        // A Redis that restarted is a new epoch: numbers go on above and without holes again, and the clients are told.
        var resync = client.TryTakeUnread("resync");
        Assert.Equal(resync is not null, seen.Keys.Last() > ProtocolLimits.NumbersPerEpoch);
        var head = resync?.GetProperty("head_seq").GetInt64() ?? long.MaxValue;
        Assert.Equal(Enumerable.Range(1, seen.Keys.Count(seq => seq < head)).Select(i => start + i), seen.Keys.Where(seq => seq < head));
        Assert.Equal(Enumerable.Range(1, seen.Keys.Count(seq => seq > head)).Select(i => head + i), seen.Keys.Where(seq => seq > head));
        Assert.Equal(seen.Count, seen.Values.Distinct().Count());
    }
}
