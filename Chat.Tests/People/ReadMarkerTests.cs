using System.Text;
using System.Text.Json;
using Chat.Contracts;
using Chat.Data.Numbering;
using Chat.Realtime.Reading;
using Chat.Tests.Numbering;

namespace Chat.Tests.People;

public sealed class ReadMarkerTests(PeopleFixture people) : IClassFixture<PeopleFixture>
{
    [Fact]
    public async Task A_marker_moves_up_only_and_down_only_on_purpose()
    {
        var (user, room, process) = await StartAsync(messages: 10);
        await using var _ = process;

        Assert.Equal((4, 6), await MarkAsync(process, user, room, 4));
        Assert.Equal((4, 6), await MarkAsync(process, user, room, 2));
        Assert.Equal((2, 8), await MarkAsync(process, user, room, 2, markUnread: true));
        Assert.Equal((10, 0), await MarkAsync(process, user, room, 99));
        var negative = await Assert.ThrowsAsync<ChatException>(() => MarkAsync(process, user, room, -1));
        Assert.Equal(ErrorCodes.BadRequest, negative.Code);
    }

    [Fact]
    public async Task The_users_own_connections_learn_each_move_and_nothing_else()
    {
        var (user, room, process) = await StartAsync(messages: 5);
        await using var _ = process;
        var heard = await Listener.OnAsync(people.Store.Multiplexer, RedisKeys.UserChannel(user));

        await MarkAsync(process, user, room, 3);
        await MarkAsync(process, user, room, 3);
        await MarkAsync(process, user, room, 2);
        await MarkAsync(process, user, room, 5);

        var events = new[] { await heard.NextAsync("read"), await heard.NextAsync("read") };
        Assert.Equal([3L, 5L], events.Select(read => read.ReadSeq));
        Assert.All(events, read => Assert.Equal((EventTypes.Read, room, user, user.ToUpperInvariant()), (read.EventType, read.RoomId, read.SenderId, read.SenderName)));
        Assert.Empty(heard.TakeAll());
    }

    [Fact]
    public async Task Of_racing_moves_the_highest_stays()
    {
        var (user, room, process) = await StartAsync(messages: 40);
        await using var _ = process;
        await using var other = await people.StartProcessAsync();

        await Task.WhenAll(Enumerable.Range(1, 40).OrderBy(_ => Random.Shared.Next())
            .Select(seq => MarkAsync(seq % 2 == 0 ? process : other, user, room, seq)));

        Assert.Equal((40, 0), await GetAsync(other, user, room));
    }

    [Fact]
    public async Task Unread_counts_chat_messages_exactly_across_postgres_and_the_hot_history()
    {
        var (user, room, process) = await StartAsync(messages: 6);
        await using var _ = process;
        await PersistAsync(room);
        await people.Store.NumberAsync(room, Other(), RoomStore.Event(), Other(), RoomStore.Event());

        Assert.Equal((0, 8), await GetAsync(process, user, room));
        Assert.Equal((5, 3), await MarkAsync(process, user, room, 5));
        Assert.Equal((8, 1), await MarkAsync(process, user, room, 8));
        await PersistAsync(room);
        Assert.Equal((8, 1), await GetAsync(process, user, room));
    }

    [Theory]
    [InlineData(998, 0)]
    [InlineData(500, 499)]
    [InlineData(600, 600)]
    public async Task Unread_is_exact_to_999(int stored, int hot)
    {
        var (user, room, process) = await StartAsync(messages: 0);
        await using var _ = process;
        await people.ExecuteAsync("""
            INSERT INTO events (room_id, seq, epoch, event_id, event_type, sender_id, ts, body)
            SELECT $1, i, 0, gen_random_uuid(), 'chat_message', 'alice', now(), '{}' FROM generate_series(1, $2) AS i
            """, room, stored);
        await people.ExecuteAsync("UPDATE rooms SET head_seq = $2 WHERE room_id = $1", room, (long)stored);
        await people.Store.Redis.HashSetAsync(RedisKeys.Head(room), [new("head", stored), new("epoch", 0), new("persisted", stored)]);
        foreach (var batch in Enumerable.Range(0, hot).Chunk(64))
            await people.Store.NumberAsync(room, [.. batch.Select(_ => RoomStore.Event())]);

        Assert.Equal((0, Math.Min(999, stored + hot)), await GetAsync(process, user, room));
    }

    [Fact]
    public async Task Many_rooms_are_answered_in_their_order()
    {
        var (user, first, process) = await StartAsync(messages: 3);
        await using var _ = process;
        var rooms = new List<string> { first };
        for (var i = 1; i <= 4; i++)
        {
            rooms.Add(await people.RoomAsync(user));
            if (i < 4) await people.Store.FillAsync(rooms[^1], i);
        }
        await MarkAsync(process, user, rooms[3], 2);

        var receipts = await process.Markers.GetAsync(user, rooms, CancellationToken.None);

        Assert.Equal(rooms, receipts.Select(receipt => receipt.RoomId));
        Assert.Equal([3, 1, 2, 1, 0], receipts.Select(receipt => receipt.Unread));
        Assert.Equal([0L, 0, 0, 2, 0], receipts.Select(receipt => receipt.Seq));
    }

    [Theory]
    [InlineData(0)] // all in the hot history
    [InlineData(3)] // three in Postgres, the rest in the hot history
    [InlineData(6)] // all in Postgres
    public async Task Mentions_are_counted_wherever_the_messages_are(int persisted)
    {
        var (user, room, process) = await StartAsync(messages: 0);
        await using var _ = process;
        for (var i = 0; i < 6; i++)
        {
            // A text that looks like the field, the reader's name beside another's, and one that only begins like it.
            string[] mentions = i switch { 1 => ["bob"], 2 => ["bob", user], 4 => [user], 5 => [user + "x"], _ => [] };
            await people.Store.NumberAsync(room, Message($"\"mentions\":[\"{user}\"]", mentions));
            if (i + 1 == persisted) await PersistAsync(room);
        }

        var marker = Assert.Single(await process.Markers.GetAsync(user, [room], CancellationToken.None));
        Assert.Equal((6, 2), (marker.Unread, marker.Mentions));
        await MarkAsync(process, user, room, 3);
        marker = Assert.Single(await process.Markers.GetAsync(user, [room], CancellationToken.None));
        Assert.Equal((3, 1), (marker.Unread, marker.Mentions));
    }

    [Fact]
    public async Task Markers_reach_postgres_and_outlive_a_redis_that_lost_them()
    {
        var (user, room, process) = await StartAsync(messages: 10);
        await using var _ = process;
        await PersistAsync(room);
        await MarkAsync(process, user, room, 8);
        await Until.TrueAsync(async () => await StoredAsync(user, room) == 8, "Postgres has the marker");
        await MarkAsync(process, user, room, 3, markUnread: true);
        await Until.TrueAsync(async () => await StoredAsync(user, room) == 3, "Postgres has the lowered marker");

        await people.Store.Redis.KeyDeleteAsync(RedisKeys.ReadMarkers(user));

        Assert.Equal((3, 7), await GetAsync(process, user, room));
        Assert.Equal((3, 7), await MarkAsync(process, user, room, 1));
        await people.Store.Redis.KeyDeleteAsync(RedisKeys.ReadMarkers(user));
        Assert.Equal((5, 5), await MarkAsync(process, user, room, 5));
    }

    [Fact]
    public async Task What_a_node_that_died_had_set_aside_is_written_by_another()
    {
        var (user, room, process) = await StartAsync(messages: 0);
        await using var _ = process;
        await people.Store.Redis.HashSetAsync(RedisKeys.ReadMarkers(user), room, 7);

        await people.Store.Redis.SetAddAsync(RedisKeys.ReadMarkersFlushing, $"{user}\n{room}");

        await Until.TrueAsync(async () => await StoredAsync(user, room) == 7, "the marker is written");
    }

    [Fact]
    public async Task A_late_write_does_not_lower_what_postgres_has()
    {
        var (user, room, process) = await StartAsync(messages: 0);
        await using var _ = process;
        await people.ExecuteAsync("INSERT INTO read_markers (user_id, room_id, seq) VALUES ($1, $2, 9)", user, room);
        await people.Store.Redis.HashSetAsync(RedisKeys.ReadMarkers(user), room, 7);

        await people.Store.Redis.SetAddAsync(RedisKeys.ReadMarkersDirty, $"{user}\n{room}");
        await Until.TrueAsync(async () => !await people.Store.Redis.SetContainsAsync(RedisKeys.ReadMarkersDirty, $"{user}\n{room}")
            && !await people.Store.Redis.SetContainsAsync(RedisKeys.ReadMarkersFlushing, $"{user}\n{room}"), "the round is over");

        Assert.Equal(9, await StoredAsync(user, room));
    }

    [Fact]
    public async Task Ones_own_message_is_read()
    {
        var (user, room, process) = await StartAsync(messages: 5);
        await using var _ = process;
        await using var other = await people.StartProcessAsync();

        foreach (var seq in (long[])[3, 5, 4]) process.Markers.MarkOwn(user, room, seq);

        Assert.Equal((5, 0), await GetAsync(process, user, room));
        await Until.TrueAsync(async () => await GetAsync(other, user, room) == (5, 0), "the other process knows it");
    }

    [Fact]
    public async Task Own_messages_of_many_users_at_once_raise_each_marker_and_lower_none()
    {
        var users = await people.UsersAsync(150);
        var room = await people.RoomAsync(users[0]);
        await people.Store.FillAsync(room, 9);
        await using var process = await people.StartProcessAsync();
        // A third of them have a marker in Redis, a third one that only Postgres knows, and a third none.
        foreach (var (user, i) in users.Take(50).Select((user, i) => (user, i))) await people.Store.Redis.HashSetAsync(RedisKeys.ReadMarkers(user), room, i < 25 ? 8 : 3);
        foreach (var user in users.Skip(50).Take(50)) await people.ExecuteAsync("INSERT INTO read_markers (user_id, room_id, seq) VALUES ($1, $2, 7)", user, room);

        foreach (var user in users) process.Markers.MarkOwn(user, room, 5);

        await Until.TrueAsync(() => users.All(user => process.Get<OwnMarkers>().Waiting(user, room) == 0), "all are written");
        var markers = await Task.WhenAll(users.Select(async user => (long)await people.Store.Redis.HashGetAsync(RedisKeys.ReadMarkers(user), room)));
        Assert.Equal(Enumerable.Range(0, 150).Select(i => i < 25 ? 8L : i is >= 50 and < 100 ? 7L : 5L), markers);
        await Until.TrueAsync(async () => (await Task.WhenAll(users.Select(user => StoredAsync(user, room)))).SequenceEqual(markers.Select(marker => (long?)marker)), "Postgres has them too");
    }

    [Fact]
    public async Task Without_redis_a_marker_is_unavailable_and_own_ones_are_moved_later()
    {
        await using var redis = await Chat.Tests.Backends.RedisFixture.StartServerAsync();
        await using var process = await NodeProcess.StartAsync(redis.ConnectionString, people.Store.DatabaseConnection, null);
        var user = (await people.UsersAsync(1))[0];
        var room = await people.RoomAsync(user);
        await redis.KillAsync();

        var refused = await Assert.ThrowsAsync<ChatException>(() => MarkAsync(process, user, room, 1).WaitAsync(Until.Patience));
        process.Markers.MarkOwn(user, room, 3);
        await redis.StartAsync();

        Assert.Equal(ErrorCodes.Unavailable, refused.Code);
        await Until.TrueAsync(() => process.Get<OwnMarkers>().Waiting(user, room) == 0, "the marker is written");
        await Until.TrueAsync(async () => await StoredAsync(user, room) == 3, "and reaches Postgres");
    }

    private async Task<(string User, string Room, NodeProcess Process)> StartAsync(int messages)
    {
        var user = (await people.UsersAsync(1))[0];
        var room = await people.RoomAsync(user);
        if (messages > 0) await people.Store.FillAsync(room, messages);
        return (user, room, await people.StartProcessAsync());
    }

    // As the persister does it: the events and the room's head in one transaction.
    private async Task PersistAsync(string room)
    {
        var page = await people.Store.Hot.ReadOldestAsync(room, 0, long.MaxValue, 10_000, CancellationToken.None);
        foreach (var hot in page.Events)
        {
            await people.ExecuteAsync("""
                WITH stored AS (
                    INSERT INTO events (room_id, seq, epoch, event_id, event_type, sender_id, ts, body)
                    SELECT $1, $2, $3, $4, ($5::json)->>'event_type', 'alice', now(), $5 ON CONFLICT DO NOTHING)
                UPDATE rooms SET head_seq = greatest(head_seq, $2) WHERE room_id = $1
                """, room, hot.Event.Seq, hot.Event.Epoch, hot.EventId, Encoding.UTF8.GetString(hot.Event.Body.Span));
        }
    }

    private static PendingEvent Other()
    {
        var id = Guid.NewGuid();
        return new PendingEvent(id, [], 0, 1_795_512_667_123, Encoding.UTF8.GetBytes($$"""{"event_type":"user_join","event_id":"{{id}}","sender_id":"bob"}"""));
    }

    private static PendingEvent Message(string content, string[] mentions)
    {
        var now = DateTimeOffset.FromUnixTimeMilliseconds(1_795_512_667_123);
        var envelope = new ChatEvent
        {
            EventType = EventTypes.ChatMessage,
            EventId = Guid.NewGuid().ToString(),
            SenderId = "alice",
            Content = content,
            Timestamp = now,
            Mentions = mentions.Length > 0 ? mentions : null,
        };
        return new PendingEvent(Guid.Parse(envelope.EventId), [], 0, now.ToUnixTimeMilliseconds(), JsonSerializer.SerializeToUtf8Bytes(envelope, ChatJson.Wire.ChatEvent));
    }

    private async Task<long?> StoredAsync(string user, string room) =>
        (long?)await people.ExecuteAsync("SELECT seq FROM read_markers WHERE user_id = $1 AND room_id = $2", user, room);

    private static async Task<(long, int)> MarkAsync(NodeProcess process, string user, string room, long seq, bool markUnread = false)
    {
        var receipt = await process.Markers.MarkAsync(NodeProcess.UserOf(user), room, seq, markUnread, CancellationToken.None);
        return (receipt.Seq, receipt.Unread);
    }

    private static async Task<(long, int)> GetAsync(NodeProcess process, string user, string room)
    {
        var receipt = Assert.Single(await process.Markers.GetAsync(user, [room], CancellationToken.None));
        return (receipt.Seq, receipt.Unread);
    }
}
