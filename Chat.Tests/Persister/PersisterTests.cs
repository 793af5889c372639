using System.Text;
using System.Text.Json;
using Chat.Contracts;
using Chat.Data.History;
using Chat.Data.Numbering;
using Chat.Persister;
using Chat.Tests.Numbering;
using Confluent.Kafka;
using StackExchange.Redis;

namespace Chat.Tests.Persister;

/// <summary>What reaches Postgres in ordinary times.</summary>
public sealed class PersisterTests(PersisterServersFixture fixture) : IClassFixture<PersisterServersFixture>
{
    private readonly PersisterServers _servers = fixture.Servers;
    private readonly string _room = RoomStore.NewRoom();

    private RoomStore Store => _servers.Store;

    private TestLog Log => _servers.Log;

    [Fact]
    public async Task Numbered_events_reach_Postgres_as_they_were_numbered()
    {
        await using var persister = await _servers.StartPersisterAsync();
        var events = await Log.AppendNewAsync(_room, 300);
        // A node that numbers in another order than it logged in: the room's order is that of the numbers.
        var numbers = await Store.NumberAsync(_room, [.. events.Reverse().Take(100)]);

        await _servers.AssertPersistedAsync(_room, events);

        var rows = await _servers.WaitForRowsAsync(_room, 300);
        var hot = await Store.Numbering.LookUpAsync(_room, [.. events.Select(e => e.EventId)], CancellationToken.None);
        Assert.All(events.Zip(hot), pair => Assert.Equal(PersisterServers.TextOf(pair.First), PersisterServers.TextOf(rows[(int)pair.Second!.Value.Seq - 1])));
        Assert.Equal(numbers.Select(n => n.Seq), numbers.Select(n => hot.Single(h => h!.Value.EventId == n.EventId)!.Value.Seq));
    }

    [Fact]
    public async Task Events_that_no_node_numbered_are_numbered_in_log_order_and_published()
    {
        var messages = await Store.Multiplexer.GetSubscriber().SubscribeAsync(RedisChannel.Sharded(RedisKeys.RoomChannel(_room)));
        var events = await Log.AppendNewAsync(_room, 150);
        await using var persister = await _servers.StartPersisterAsync();

        await _servers.AssertPersistedAsync(_room, events);

        Assert.Equal(events.Select(PersisterServers.TextOf), (await _servers.WaitForRowsAsync(_room, 150)).Select(PersisterServers.TextOf));
        var first = await messages.ReadAsync().AsTask().WaitAsync(TimeSpan.FromSeconds(60));
        Assert.Equal(1, RoomFrames.Parse((byte[])first.Message!)[0].Event.Seq);
    }

    [Fact]
    public async Task Rooms_know_their_head_and_first_event_in_Postgres_and_in_Redis()
    {
        await using (var insert = Store.Database.CreateCommand(
            "INSERT INTO rooms (room_id, name, kind, created_by, created_at, created_epoch) VALUES ($1, 'Room', 'public', 'alice', now(), 0)"))
        {
            insert.Parameters.Add(new() { Value = _room });
            await insert.ExecuteNonQueryAsync();
        }
        await using var persister = await _servers.StartPersisterAsync();
        await Log.AppendNewAsync(_room, 200);

        await _servers.WaitForRowsAsync(_room, 200);
        // Redis hears it some seconds later; who stops does not wait for that.
        await persister.StopAsync();

        Assert.Equal(200, await Store.Redis.HashGetAsync(RedisKeys.Head(_room), "persisted"));
        Assert.Equal(HotStream.KeptEvents, await Store.Redis.StreamLengthAsync(RedisKeys.Stream(_room)));
        Assert.Equal(1, await Store.Redis.HashGetAsync(RedisKeys.Head(_room), "first"));
        await using var command = Store.Database.CreateCommand($"SELECT head_seq || ' ' || first_seq || ' ' || persisted_epoch FROM rooms WHERE room_id = '{_room}'");
        Assert.Equal("200 1 0", await command.ExecuteScalarAsync());
    }

    [Fact]
    public async Task Ids_live_on_for_an_hour_or_a_day_from_the_timestamp()
    {
        var hourAgo = TestLog.Now - 30 * 60 * 1000;
        var withoutClientId = RoomStore.Event() with { TimestampMs = hourAgo };
        var withClientId = RoomStore.Event(otherIds: Guid.NewGuid()) with { TimestampMs = hourAgo };
        var old = RoomStore.Event() with { TimestampMs = TestLog.Now - 3 * 3600 * 1000 };
        await using var persister = await _servers.StartPersisterAsync();

        await Log.AppendAsync(_room, withoutClientId, withClientId, old);
        await _servers.WaitForRowsAsync(_room, 3);
        await persister.StopAsync();

        Assert.InRange((await LifeAsync(old)).TotalMinutes, 0, 1);
        Assert.InRange((await LifeAsync(withoutClientId)).TotalMinutes, 29, 30);
        Assert.InRange((await LifeAsync(withClientId)).TotalHours, 23.4, 23.5);
    }

    [Fact]
    public async Task Redis_hears_what_is_persisted_also_when_nothing_more_happens()
    {
        await using var persister = await _servers.StartPersisterAsync();

        await Log.AppendNewAsync(_room, 3);

        await PersisterServers.PollAsync(async () => await Store.Redis.HashGetAsync(RedisKeys.Head(_room), "persisted") == 3, () => "persisted = 3 in Redis");
    }

    [Fact]
    public async Task A_send_that_is_logged_twice_is_one_event()
    {
        var (today, yesterday) = (Guid.NewGuid(), Guid.NewGuid());
        var first = RoomStore.Event("once", id: yesterday, otherIds: today) with { TimestampMs = TestLog.Now };
        var again = RoomStore.Event("once more", id: today, otherIds: yesterday) with { TimestampMs = TestLog.Now };
        await using var persister = await _servers.StartPersisterAsync();

        await Log.AppendAsync(_room, first, first, again);
        await _servers.WaitForLogAsync(_room, 3);

        await _servers.AssertPersistedAsync(_room, [first]);
    }

    [Fact]
    public async Task Of_a_send_that_is_logged_twice_the_delivered_bytes_are_kept_also_when_only_the_log_has_them()
    {
        var id = Guid.NewGuid();
        var delivered = RoomStore.Event("delivered", id: id) with { TimestampMs = TestLog.Now };
        var otherTry = RoomStore.Event("the other try", id: id) with { TimestampMs = delivered.TimestampMs - 1 };
        await Store.NumberAsync(_room, [delivered]);
        await Store.Redis.KeyDeleteAsync(RedisKeys.Stream(_room));
        await Log.AppendAsync(_room, delivered, otherTry);

        await using var persister = await _servers.StartPersisterAsync();

        Assert.Equal(PersisterServers.TextOf(delivered), PersisterServers.TextOf((await _servers.WaitForRowsAsync(_room, 1))[0]));
    }

    [Fact]
    public async Task Direct_messages_are_told_to_both_users_again()
    {
        var (alice, bob) = ("alice-" + _room, "bob-" + _room);
        var room = RoomIds.Direct(alice, bob);
        var messages = await Store.Multiplexer.GetSubscriber().SubscribeAsync(RedisChannel.Sharded(RedisKeys.UserChannel(bob)));
        var events = new[] { RoomStore.Event("hi") with { TimestampMs = TestLog.Now }, RoomStore.Event("there") with { TimestampMs = TestLog.Now } };
        await using var persister = await _servers.StartPersisterAsync();

        await Log.AppendAsync(room, events, $"{alice}\n{bob}");

        var message = await messages.ReadAsync().AsTask().WaitAsync(TimeSpan.FromSeconds(60));
        Assert.True(RoomFrames.TryParseDirect((byte[])message.Message!, out var told, out var frames));
        Assert.Equal((room, 1L, PersisterServers.TextOf(events[0])), (told, frames[0].Event.Seq, PersisterServers.TextOf(frames[0].Event)));
        await PersisterServers.PollAsync(async () => await Store.Redis.HashGetAsync(RedisKeys.DirectHeads(alice), room) == 2, () => "both direct messages in the heads of alice");
    }

    [Fact]
    public async Task Garbage_becomes_dead_letters_and_stops_nothing()
    {
        var good = RoomStore.Event("good") with { TimestampMs = TestLog.Now };
        var strange = "Not A Room: " + _room;
        var garbage = Enumerable.Range(0, 256).Select(i => (byte)i).ToArray();
        await using var persister = await _servers.StartPersisterAsync();

        await Log.AppendRawAsync(_room, garbage);
        await Log.AppendRawAsync(_room, garbage, TestLog.HeadersOf(RoomStore.Event()));
        await Log.AppendRawAsync(_room, null, TestLog.HeadersOf(RoomStore.Event()));
        await Log.AppendRawAsync(strange, good.Body.ToArray(), TestLog.HeadersOf(RoomStore.Event()), partition: LogTopics.PartitionOf(_room));
        await Log.AppendRawAsync(_room, good.Body.ToArray(), TestLog.HeadersOf(RoomStore.Event()), partition: (LogTopics.PartitionOf(_room) + 1) % LogTopics.Partitions);
        await Log.AppendRawAsync(_room, good.Body.ToArray(), new Headers { { LogHeaders.EventId, "xyz"u8.ToArray() } });
        await Log.AppendAsync(_room, good);

        await _servers.AssertPersistedAsync(_room, [good]);
        Assert.Equal(6, (await Log.ReadDeadAsync(6, (key, _) => key == _room || key == strange)).Count);
    }

    [Theory]
    [InlineData("""a \ud800 b""", "a \ufffd b")]
    [InlineData("""a \u0000 b""", "a \ufffd b")]
    [InlineData("""\udc00\ud83d\ude42\\u0000""", "\ufffd\U0001F642\\u0000")]
    public async Task Text_that_cannot_be_stored_is_cleaned_in_its_place_and_kept_among_the_dead_letters(string escaped, string stored)
    {
        var events = new[] { RoomStore.Event("before"), RoomStore.Event(escaped), RoomStore.Event("after") }.Select(e => e with { TimestampMs = TestLog.Now }).ToArray();
        await Store.NumberAsync(_room, events);
        await using var persister = await _servers.StartPersisterAsync();

        await Log.AppendAsync(_room, events);

        var rows = await _servers.WaitForRowsAsync(_room, 3);
        Assert.Equal([1L, 2L, 3L], rows.Select(row => row.Seq));
        Assert.Equal(stored, JsonSerializer.Deserialize(rows[1].Body.Span, ChatJson.Default.ChatEvent)!.Content);
        var dead = Assert.Single(await Log.ReadDeadAsync(1, (key, _) => key == _room));
        Assert.Equal(events[1].Body.ToArray(), dead.Value);
        Assert.Contains("surrogate", dead.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Bytes_that_are_no_text_at_all_keep_their_place_in_the_room()
    {
        var bad = RoomStore.Event() with { Body = new byte[] { 0xC3, 0x28, 0x00 }, TimestampMs = TestLog.Now };
        var good = RoomStore.Event("after") with { TimestampMs = TestLog.Now };
        await Store.NumberAsync(_room, bad, good);
        await using var persister = await _servers.StartPersisterAsync();

        await Log.AppendAsync(_room, bad, good);

        var rows = await _servers.WaitForRowsAsync(_room, 2);
        Assert.Equal([1L, 2L], rows.Select(row => row.Seq));
        Assert.Equal(bad.EventId.ToString(), JsonSerializer.Deserialize(rows[0].Body.Span, ChatJson.Default.ChatEvent)!.EventId);
    }

    [Fact]
    public async Task A_row_that_Postgres_refuses_is_found_among_many_and_holds_up_nobody()
    {
        var events = Enumerable.Range(1, 40).Select(i => RoomStore.Event(i == 23 ? "refuse me" : $"event {i}") with { TimestampMs = TestLog.Now }).ToList();
        await using (var constrain = Store.Database.CreateCommand($"ALTER TABLE events ADD CONSTRAINT refused CHECK (room_id <> '{_room}' OR body NOT LIKE '%refuse me%')"))
            await constrain.ExecuteNonQueryAsync();
        await Log.AppendAsync(_room, events);
        await using var persister = await _servers.StartPersisterAsync();

        var rows = await _servers.WaitForRowsAsync(_room, 40);

        Assert.Equal(Enumerable.Range(1, 40).Select(i => (long)i), rows.Select(row => row.Seq));
        Assert.Equal(events.Where((_, i) => i != 22).Select(PersisterServers.TextOf), rows.Where(row => row.Seq != 23).Select(PersisterServers.TextOf));
        var dead = Assert.Single(await Log.ReadDeadAsync(1, (key, _) => key == _room));
        Assert.Equal(PersisterServers.TextOf(events[22]), Encoding.UTF8.GetString(dead.Value!));
        Assert.Contains("23514", dead.Reason, StringComparison.Ordinal);
    }

    private async Task<TimeSpan> LifeAsync(PendingEvent e) =>
        await Store.Redis.KeyTimeToLiveAsync(RedisKeys.IdPrefix(_room) + e.EventId.ToString("N")) ?? TimeSpan.MaxValue;
}
