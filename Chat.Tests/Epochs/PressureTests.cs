using System.Net;
using System.Text.Json;
using Chat.Data.Numbering;
using Chat.Realtime.Log;
using Chat.Tests.Backends;
using Chat.Tests.Numbering;
using Chat.Tests.Persister;
using Chat.Tests.Realtime;
using Confluent.Kafka;
using Microsoft.Extensions.DependencyInjection;
using StackExchange.Redis;

namespace Chat.Tests.Epochs;

/// <summary>Bounds that are reached: each is a refusal that the sender may repeat, loses nothing, and ends by itself.</summary>
public sealed class PressureTests(PostgresFixture postgres)
{
    [Fact]
    public async Task A_Redis_that_is_nearly_full_refuses_sends_and_takes_them_again_when_there_is_room()
    {
        await using var platform = await Platform.StartAsync(postgres);
        await platform.StartPersisterAsync();
        await using var chain = await Chain.StartAsync(platform);
        await chain.SendAsync(10);
        await using var admin = await ConnectionMultiplexer.ConnectAsync(platform.Redis.ConnectionString + ",allowAdmin=true");
        var server = admin.GetServers()[0];
        var used = long.Parse(server.Info("memory")[0].Single(entry => entry.Key == "used_memory").Value);
        // More than 80 % and less than all: what is under way still has room.
        await server.ConfigSetAsync("maxmemory", used * 10 / 9);

        await PersisterServers.PollAsync(async () => await chain.TryAsync() == HttpStatusCode.ServiceUnavailable, () => "a refusal by a nearly full Redis");

        await server.ConfigSetAsync("maxmemory", 0);
        await chain.SendAsync(10);
        await chain.VerifyAsync();
    }

    [Fact]
    public async Task A_Redis_that_is_full_keeps_no_event_that_is_in_the_log_from_its_place()
    {
        await using var platform = await Platform.StartAsync(postgres);
        await platform.StartPersisterAsync();
        await using var chains = await Chains.StartAsync(platform, 2);
        await chains.FlowAsync(10);
        await using var admin = await ConnectionMultiplexer.ConnectAsync(platform.Redis.ConnectionString + ",allowAdmin=true");
        // Full from one moment to the next: some events are in the log by then.
        await admin.GetServers()[0].ConfigSetAsync("maxmemory", 1);
        await PersisterServers.PollAsync(async () => !await TakesWritesAsync(admin), () => "a full Redis");
        await admin.GetServers()[0].ConfigSetAsync("maxmemory", 0);

        await chains.FlowAsync(10);
        await chains.VerifyAsync();
    }

    [Fact]
    public async Task A_producer_that_failed_for_good_is_made_anew_and_nothing_is_lost_or_twice()
    {
        await using var platform = await Platform.StartAsync(postgres);
        await platform.StartPersisterAsync();
        await using var chains = await Chains.StartAsync(platform, 2);
        await chains.FlowAsync(10);
        foreach (var node in platform.Nodes)
        {
            var log = node.Services.GetRequiredService<EventLog>();
            log.Note(new Error(ErrorCode.Local_Fatal, "put in by the test", isFatal: true));
            Assert.Contains("for good", log.Trouble!, StringComparison.Ordinal);
        }
        await chains.FlowAsync(10);
        await chains.VerifyAsync();
    }

    [Fact]
    public async Task A_full_log_queue_refuses_what_is_over_and_keeps_the_rest()
    {
        await using var kafka = await KafkaFixture.StartServerAsync();
        await using var redis = await RedisFixture.StartServerAsync();
        await using var node = await TestNode.StartAsync(
            new Backing(redis.ConnectionString, kafka.ConnectionString, await postgres.CreateDatabaseAsync()), ("Chat:Log:MaxWaitingEvents", "5"), ("Chat:Log:Timeout", "00:00:30"));
        var (user, roomId) = (NodeFixture.Name("ann"), NodeFixture.Name("room"));
        using (var http = node.Http(user))
        using (var made = await http.PostAsync("/api/rooms", NodeFixture.JsonContent(new { room_id = roomId, name = roomId, kind = "public" })))
            Assert.True(made.IsSuccessStatusCode);
        await using var client = await node.ConnectAsync(user);
        await client.AskAsync(new { event_type = "subscribe", room_id = roomId });
        await client.AskAsync(new { event_type = "chat_message", room_id = roomId, content = "before" });
        kafka.Pause();
        var ids = new List<int>();
        for (var i = 0; i < 9; i++) ids.Add(await client.SendAsync(new { event_type = "chat_message", room_id = roomId, content = $"{i}", client_id = $"{roomId}-{i}" }));
        var refused = new List<string>();
        for (var i = 5; i < 9; i++) refused.Add((await client.ReplyAsync(ids[i])).GetProperty("code").GetString()!);
        Assert.Equal(Enumerable.Repeat("unavailable", 4), refused);
        kafka.Continue();

        var first = new List<JsonElement>();
        for (var i = 0; i < 5; i++) first.Add(await client.ReplyAsync(ids[i]));
        Assert.All(first, reply => Assert.Equal("ack", reply.GetProperty("event_type").GetString()));
        for (var i = 5; i < 9; i++)
            Assert.Equal("ack", (await client.AskAsync(new { event_type = "chat_message", room_id = roomId, content = $"{i}", client_id = $"{roomId}-{i}" })).GetProperty("event_type").GetString());
        Assert.Equal("before", (await client.NextAsync("chat_message")).GetProperty("content").GetString());
        for (var i = 0; i < 9; i++) Assert.Equal($"{i}", (await client.NextAsync("chat_message")).GetProperty("content").GetString());
    }

    [Fact]
    public async Task A_gap_of_1000_events_is_recovered_and_a_larger_one_is_not()
    {
        await using var platform = await Platform.StartAsync(postgres);
        var (user, roomId) = (NodeFixture.Name("ann"), NodeFixture.Name("room"));
        using (var http = platform.Nodes[0].Http(user))
        using (var made = await http.PostAsync("/api/rooms", NodeFixture.JsonContent(new { room_id = roomId, name = roomId, kind = "public" })))
            Assert.True(made.IsSuccessStatusCode);
        await using var client = await platform.Nodes[0].ConnectAsync(user);
        await client.AskAsync(new { event_type = "chat_message", room_id = roomId, content = "first" });
        foreach (var chunk in Enumerable.Range(0, 1_001).Chunk(50))
        {
            await platform.Nodes[1].Services.GetRequiredService<RoomNumbering>()
                .NumberAsync(roomId, 0, [.. chunk.Select(i => RoomStore.Event($"{i}"))], CancellationToken.None);
        }
        var head = (await client.AskAsync(new { event_type = "subscribe", room_id = roomId })).GetProperty("head_seq").GetInt64();

        var recovered = await client.AskAsync(new { event_type = "subscribe", room_id = roomId, since_seq = head - 1_000 });
        var tooLarge = await client.AskAsync(new { event_type = "subscribe", room_id = roomId, since_seq = head - 1_001 });

        Assert.True(recovered.GetProperty("recovered").GetBoolean());
        Assert.Equal(Enumerable.Range(1, 1_000).Select(i => head - 1_000 + i), recovered.GetProperty("events").EnumerateArray().Select(e => e.GetProperty("seq").GetInt64()));
        Assert.False(tooLarge.GetProperty("recovered").GetBoolean());
        Assert.Empty(tooLarge.GetProperty("events").EnumerateArray());
    }

    private static async Task<bool> TakesWritesAsync(ConnectionMultiplexer redis)
    {
        try
        {
            return await redis.GetDatabase(1_000).StringSetAsync("probe", 1, TimeSpan.FromSeconds(1));
        }
        catch (RedisServerException)
        {
            return false;
        }
    }
}
