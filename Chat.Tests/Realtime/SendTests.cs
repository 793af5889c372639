using System.Text.Json;
using Chat.Data.Numbering;
using Microsoft.Extensions.DependencyInjection;

namespace Chat.Tests.Realtime;

[Collection(nameof(NodeCollection))]
public sealed class SendTests(NodeFixture fixture)
{
    [Fact]
    public async Task Pipelined_messages_get_numbers_in_the_order_sent()
    {
        var user = NodeFixture.Name("ann");
        var roomId = await fixture.RoomAsync(user);
        await using var client = await fixture.Node.ConnectAsync(user);
        var ids = new List<int>();
        for (var i = 0; i < 200; i++) ids.Add(await client.SendAsync(new { event_type = "chat_message", room_id = roomId, content = $"m{i}", client_id = $"c{i}" }));
        var seqs = new List<long>();
        foreach (var id in ids) seqs.Add((await client.ReplyAsync(id)).GetProperty("seq").GetInt64());
        Assert.Equal(Enumerable.Range(0, 200).Select(i => seqs[0] + i), seqs);
    }

    [Fact]
    public async Task A_repeated_client_id_gets_the_first_ack()
    {
        var user = NodeFixture.Name("ann");
        var roomId = await fixture.RoomAsync(user);
        await using var client = await fixture.Node.ConnectAsync(user);
        await client.AskAsync(new { event_type = "subscribe", room_id = roomId });
        foreach (var clientId in new[] { "plain", Guid.CreateVersion7().ToString() })
        {
            var first = await client.AskAsync(new { event_type = "chat_message", room_id = roomId, content = "one", client_id = clientId });
            var second = await client.AskAsync(new { event_type = "chat_message", room_id = roomId, content = "other", client_id = clientId });
            foreach (var field in new[] { "event_id", "seq", "epoch", "timestamp", "client_id", "room_id" })
                Assert.Equal(first.GetProperty(field).ToString(), second.GetProperty(field).ToString());
            Assert.Equal("one", (await client.NextAsync("chat_message")).GetProperty("content").GetString());
        }
        var last = await client.AskAsync(new { event_type = "chat_message", room_id = roomId, content = "last" });
        Assert.Equal(last.GetProperty("seq").GetInt64(), (await client.NextAsync("chat_message")).GetProperty("seq").GetInt64());
    }

    [Fact]
    public async Task Pipelined_repeats_of_one_client_id_make_one_event()
    {
        var user = NodeFixture.Name("ann");
        var roomId = await fixture.RoomAsync(user);
        await using var client = await fixture.Node.ConnectAsync(user);
        var ids = new List<int>();
        for (var i = 0; i < 10; i++) ids.Add(await client.SendAsync(new { event_type = "chat_message", room_id = roomId, content = "x", client_id = "same" }));
        var seqs = new HashSet<long>();
        foreach (var id in ids) seqs.Add((await client.ReplyAsync(id)).GetProperty("seq").GetInt64());
        Assert.Single(seqs);
    }

    [Theory]
    [InlineData("""{"content":""}""", "bad_request")]
    [InlineData("""{}""", "bad_request")]
    [InlineData("""{"content":"x","content_type":"text/html"}""", "bad_request")]
    [InlineData("""{"content":"x","reply_to":"no uuid"}""", "bad_request")]
    [InlineData("""{"content":"x","client_id":""}""", "bad_request")]
    [InlineData("""{"content":"x","client_id":"12345678901234567890123456789012345678901234567890123456789012345"}""", "bad_request")]
    [InlineData("""{"content":"x","room_id":"No Room"}""", "bad_request")]
    [InlineData("""{"content":"x","room_id":"absent"}""", "not_found")]
    [InlineData("""{"content":"x","attachments":["m1"]}""", "not_found")]
    public async Task A_wrong_message_is_refused_with_its_code(string fields, string code)
    {
        var user = NodeFixture.Name("ann");
        var roomId = await fixture.RoomAsync(user);
        await using var client = await fixture.Node.ConnectAsync(user);
        var command = System.Text.Json.Nodes.JsonNode.Parse(fields)!.AsObject();
        command["event_type"] = "chat_message";
        command.TryAdd("room_id", roomId);
        Assert.Equal(code, (await client.AskAsync(command)).GetProperty("code").GetString());
    }

    [Fact]
    public async Task Content_is_bounded_in_bytes()
    {
        var user = NodeFixture.Name("ann");
        var roomId = await fixture.RoomAsync(user);
        await using var client = await fixture.Node.ConnectAsync(user);
        await client.AskAsync(new { event_type = "subscribe", room_id = roomId });
        var largest = string.Concat(Enumerable.Repeat("é", 12_000));
        await client.SendTextAsync($$"""{"event_type":"chat_message","id":900,"room_id":"{{roomId}}","content":"{{largest}}"}""");
        Assert.Equal("ack", (await client.ReplyAsync(900)).GetProperty("event_type").GetString());
        Assert.Equal(largest, (await client.NextAsync("chat_message")).GetProperty("content").GetString());
        await client.SendTextAsync($$"""{"event_type":"chat_message","id":901,"room_id":"{{roomId}}","content":"{{largest}}a"}""");
        Assert.Equal("too_large", (await client.ReplyAsync(901)).GetProperty("code").GetString());
    }

    [Fact]
    public async Task Fields_that_the_platform_sets_are_ignored_when_a_client_sends_them()
    {
        var user = NodeFixture.Name("ann");
        var roomId = await fixture.RoomAsync(user);
        await using var client = await fixture.Node.ConnectAsync(user);
        await client.AskAsync(new { event_type = "subscribe", room_id = roomId });
        await client.AskAsync(new
        {
            event_type = "chat_message",
            room_id = roomId,
            content = "x",
            content_type = "text/plain",
            sender_id = "root",
            seq = 99,
            epoch = "7",
            is_admin = true,
            event_id = Guid.Empty,
            timestamp = "1970-01-01T00:00:00.000Z",
        });
        var message = await client.NextAsync("chat_message");
        Assert.Equal(user, message.GetProperty("sender_id").GetString());
        Assert.NotEqual(99, message.GetProperty("seq").GetInt64());
        Assert.NotEqual(Guid.Empty, message.GetProperty("event_id").GetGuid());
        Assert.False(message.TryGetProperty("content_type", out _));
        Assert.False(message.TryGetProperty("is_admin", out _));
        Assert.StartsWith("20", message.GetProperty("timestamp").GetString());
    }

    [Fact]
    public async Task A_private_room_is_absent_for_outsiders()
    {
        var owner = NodeFixture.Name("ann");
        var roomId = await fixture.RoomAsync(owner, "private");
        await using var outsider = await fixture.Node.ConnectAsync(NodeFixture.Name("eve"));
        foreach (var type in new[] { "subscribe", "history", "presence" })
            Assert.Equal("not_found", (await outsider.AskAsync(new { event_type = type, room_id = roomId })).GetProperty("code").GetString());
        Assert.Equal("not_found", (await outsider.AskAsync(new { event_type = "chat_message", room_id = roomId, content = "x" })).GetProperty("code").GetString());
        Assert.Equal("not_found", (await outsider.AskAsync(new { event_type = "read", room_id = roomId, seq = 1 })).GetProperty("code").GetString());
    }

    [Fact]
    public async Task Direct_messages_reach_all_connections_of_both_without_subscribe()
    {
        var (ann, bob) = (NodeFixture.Name("ann"), NodeFixture.Name("bob"));
        await using var annPhone = await fixture.Node.ConnectAsync(ann);
        await using var annDesk = await fixture.Node.ConnectAsync(ann);
        await using var bobDesk = await fixture.Node.ConnectAsync(bob);
        var ids = new List<int>();
        for (var i = 0; i < 30; i++) ids.Add(await annPhone.SendAsync(new { event_type = "direct_message", user_id = bob, content = $"d{i}", client_id = $"c{i}" }));
        var acks = new List<JsonElement>();
        foreach (var id in ids) acks.Add(await annPhone.ReplyAsync(id));
        Assert.All(acks, ack => Assert.StartsWith("dm.", ack.GetProperty("room_id").GetString()));
        foreach (var client in new[] { annPhone, annDesk, bobDesk })
        {
            for (var i = 0; i < 30; i++)
            {
                var message = await client.NextAsync("chat_message");
                Assert.Equal($"d{i}", message.GetProperty("content").GetString());
                Assert.Equal(acks[i].GetProperty("seq").GetInt64(), message.GetProperty("seq").GetInt64());
            }
        }
    }

    [Fact]
    public async Task A_direct_message_that_was_not_announced_is_repaired_before_the_next_one()
    {
        var (ann, bob) = (NodeFixture.Name("ann"), NodeFixture.Name("bob"));
        await using var sender = await fixture.Node.ConnectAsync(ann);
        await using var receiver = await fixture.Node.ConnectAsync(bob);
        var first = await sender.AskAsync(new { event_type = "direct_message", user_id = bob, content = "one" });
        var (roomId, epoch) = (first.GetProperty("room_id").GetString()!, int.Parse(first.GetProperty("epoch").GetString()!));
        await receiver.NextAsync("chat_message");

        // As a node does that dies between numbering and telling the two users.
        var envelope = new Chat.Contracts.ChatEvent { EventType = "chat_message", EventId = Guid.CreateVersion7().ToString(), RoomId = roomId, SenderId = ann, Content = "two" };
        var body = JsonSerializer.SerializeToUtf8Bytes(envelope, Chat.Contracts.ChatJson.Wire.ChatEvent);
        await fixture.Node.Services.GetRequiredService<RoomNumbering>()
            .NumberAsync(roomId, epoch, [new PendingEvent(Guid.Parse(envelope.EventId), [], 0, 1, body)], CancellationToken.None);

        await sender.AskAsync(new { event_type = "direct_message", user_id = bob, content = "three" });
        foreach (var expected in new[] { "two", "three" })
            Assert.Equal(expected, (await receiver.NextAsync("chat_message")).GetProperty("content").GetString());
    }

    [Fact]
    public async Task A_connection_that_subscribes_to_a_direct_room_gets_its_messages_once()
    {
        var (ann, bob) = (NodeFixture.Name("ann"), NodeFixture.Name("bob"));
        await using var sender = await fixture.Node.ConnectAsync(ann);
        await using var receiver = await fixture.Node.ConnectAsync(bob);
        var roomId = (await sender.AskAsync(new { event_type = "direct_message", user_id = bob, content = "one" })).GetProperty("room_id").GetString();
        await receiver.NextAsync("chat_message");
        await receiver.AskAsync(new { event_type = "subscribe", room_id = roomId });
        await sender.AskAsync(new { event_type = "direct_message", user_id = bob, content = "two" });
        Assert.Equal("two", (await receiver.NextAsync("chat_message")).GetProperty("content").GetString());
        await sender.AskAsync(new { event_type = "direct_message", user_id = bob, content = "three" });
        Assert.Equal("three", (await receiver.NextAsync("chat_message")).GetProperty("content").GetString());
    }

    [Fact]
    public async Task Members_who_are_named_are_mentioned()
    {
        var (ann, bob) = (NodeFixture.Name("ann"), NodeFixture.Name("bob"));
        var roomId = await fixture.RoomAsync(ann);
        await using var client = await fixture.Node.ConnectAsync(ann);
        await using var other = await fixture.Node.ConnectAsync(bob);
        await client.AskAsync(new { event_type = "subscribe", room_id = roomId });
        await other.AskAsync(new { event_type = "subscribe", room_id = roomId });
        await client.AskAsync(new { event_type = "chat_message", room_id = roomId, content = $"ask @{bob.ToUpperInvariant()}. Not @nobody-here, not x@{ann}" });
        var message = await other.NextAsync("chat_message");
        Assert.Equal([bob], message.GetProperty("mentions").EnumerateArray().Select(user => user.GetString()));
        await client.AskAsync(new { event_type = "chat_message", room_id = roomId, content = "nobody @ all" });
        Assert.False((await other.NextAsync("chat_message")).TryGetProperty("mentions", out _));
    }

    [Fact]
    public async Task A_direct_message_to_nobody_is_refused()
    {
        await using var client = await fixture.Node.ConnectAsync(NodeFixture.Name("ann"));
        Assert.Equal("not_found", (await client.AskAsync(new { event_type = "direct_message", user_id = "nobody-there", content = "x" })).GetProperty("code").GetString());
        Assert.Equal("bad_request", (await client.AskAsync(new { event_type = "direct_message", content = "x" })).GetProperty("code").GetString());
    }
}
