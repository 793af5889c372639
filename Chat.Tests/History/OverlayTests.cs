using System.Text;
using System.Text.Json;
using Chat.Contracts;
using Chat.Data.History;
using Chat.Data.Numbering;
using Chat.Tests.Backends;
using Chat.Tests.Numbering;

namespace Chat.Tests.History;

/// <summary>What a message is after its changes must not depend on where the message and its changes are read from.</summary>
public sealed class OverlayTests(RoomStoreFixture fixture, PostgresFixture postgres, RedisFixture redis) : IClassFixture<RoomStoreFixture>
{
    private readonly string _room = RoomStore.NewRoom();
    private readonly RoomStore _store = fixture.Store;

    /// <summary>Where the room's events are.</summary>
    public enum Place
    {
        Hot,
        Copied,
        Moved,
    }

    [Theory]
    [InlineData(Place.Hot)]
    [InlineData(Place.Copied)]
    [InlineData(Place.Moved)]
    public async Task Of_several_edits_the_newest_number_holds_and_a_deletion_holds_at_any_number(Place place)
    {
        var (edited, deleted, raced, plain) = (Guid.NewGuid(), Guid.NewGuid(), Guid.NewGuid(), Guid.NewGuid());
        await NumberAsync(Message(edited), Message(deleted), Message(raced), Message(plain));
        await NumberAsync(Edit(edited, "new"), Edit(edited, "newest"), Edit(deleted, "unseen"), Deletion(deleted));
        // The edit was accepted before the deletion and numbered behind it.
        await NumberAsync(Deletion(raced), Edit(raced, "unseen"), Message(Guid.NewGuid()));
        await PutAsync(place);

        foreach (var events in new[]
        {
            await PageAsync(_store), await PageAsync(_store, before: 9), await PageAsync(_store, before: 5), await PageAsync(_store, after: 0, limit: 4),
            await PageAsync(_store, after: 7), await PageAsync(_store, before: 11, limit: 1), await GapAsync(0), await GapAsync(7), await GapAsync(9),
        })
        {
            foreach (var e in events)
            {
                var expected = e.EventId == edited.ToString() ? "newest"
                    : e.EventId == plain.ToString() || e.Seq == 11 ? "original"
                    : e.Seq is 5 ? "new" : e.Seq is 6 ? "newest" : null;
                Assert.Equal((e.Seq, expected), (e.Seq, e.Content));
                Assert.Equal(e.EventId == edited.ToString(), e.EditedAt is not null);
                Assert.Equal(e.EventId == deleted.ToString() || e.EventId == raced.ToString(), e.DeletedAt is not null);
            }
        }
    }

    [Fact]
    public async Task An_edit_is_found_however_many_events_lie_between()
    {
        var target = Guid.NewGuid();
        await NumberAsync(Message(target));
        await _store.FillAsync(_room, 1_500);
        await NumberAsync(Edit(target, "new"));
        for (var place = Place.Hot; place <= Place.Moved; place++)
        {
            await PutAsync(place);
            Assert.Equal("new", (await PageAsync(_store, after: 0, limit: 5))[0].Content);
        }
    }

    [Fact]
    public async Task What_nothing_changed_keeps_its_bytes()
    {
        await NumberAsync(Message(Guid.NewGuid()));
        var body = Encoding.UTF8.GetBytes($$"""{ "later_field" : 1, "event_type":"chat_message","event_id":"{{Guid.NewGuid()}}","content":"\u0041" }""");
        await NumberAsync(new PendingEvent(Guid.NewGuid(), [], 0, 1, body), Edit(Guid.NewGuid(), "of another"));

        var slice = await _store.History.ReadPageAsync(_room, null, null, 50, CancellationToken.None);

        Assert.EndsWith(Encoding.UTF8.GetString(body)[1..], Encoding.UTF8.GetString(slice.Events[1].Span));
    }

    [Fact]
    public async Task A_message_that_was_answered_by_text_only_has_no_changes()
    {
        // The names of fields, as somebody may well write them.
        var target = Guid.NewGuid();
        await NumberAsync(Message(target));
        await NumberAsync(Message(Guid.NewGuid(), $$"""{"event_type":"message_deleted","target_id":"{{target}}","reply_to":"{{target}}"}"""));
        for (var place = Place.Hot; place <= Place.Moved; place++)
        {
            await PutAsync(place);
            var slice = await _store.History.ReadPageAsync(_room, 2, null, 50, stateFor: "ann", CancellationToken.None);
            var message = JsonSerializer.Deserialize(slice.Events[0].Span, ChatJson.Default.ChatEvent)!;
            Assert.Equal(("original", 0), (message.Content, message.Replies!.Count));
        }
    }

    [Fact]
    public async Task While_Postgres_is_away_the_hot_part_has_its_changes_and_what_is_older_waits()
    {
        await using var server = await PostgresFixture.StartServerAsync();
        await using var store = await RoomStore.OpenAsync(await redis.GetConnectionStringAsync(), await server.CreateDatabaseAsync());
        var (old, edited, deleted) = (Guid.NewGuid(), Guid.NewGuid(), Guid.NewGuid());
        await store.NumberAsync(_room, Message(old), Edit(old, "older"));
        await store.FillAsync(_room, 150);
        await store.PersistAsync(_room);
        await store.NumberAsync(_room, Message(edited), Message(deleted), Edit(edited, "new"), Deletion(deleted), Edit(old, "newer"));
        var targets = store.Get<TargetMessages>();
        Assert.Equal("original", (await targets.FindAsync(_room, old, CancellationToken.None))!.Content);
        await server.StopAsync(); // killed, its backends would answer a little longer

        foreach (var events in new[] { await PageAsync(store, limit: 20), await PageAsync(store, before: 155, limit: 20) })
        {
            Assert.Equal("new", events.Single(e => e.EventId == edited.ToString()).Content);
            Assert.NotNull(events.Single(e => e.EventId == deleted.ToString()).DeletedAt);
        }
        Assert.NotNull(await targets.FindAsync(_room, edited, CancellationToken.None));
        Assert.Null(await targets.FindAsync(_room, deleted, CancellationToken.None));
        var refusal = await Assert.ThrowsAsync<ChatException>(() => targets.FindAsync(_room, old, CancellationToken.None));
        Assert.Equal(ErrorCodes.Unavailable, refusal.Code);
    }

    [Fact]
    public async Task A_deletion_holds_over_a_copy_of_Redis_that_has_lost_it()
    {
        var database = await postgres.CreateDatabaseAsync();
        await using var server = await RedisFixture.StartServerAsync();
        await using var store = await RoomStore.OpenAsync(server.ConnectionString, database);
        var target = Guid.NewGuid();
        await store.NumberAsync(_room, Message(target), Deletion(target));
        await store.FillAsync(_room, 3);
        await store.PersistAsync(_room);
        // The copy ends at 1 and believes that nothing is persisted; then the next epoch begins.
        await store.Redis.HashSetAsync(RedisKeys.Head(_room), [new("head", 1), new("persisted", 0)]);
        await store.Redis.StreamDeleteAsync(RedisKeys.Stream(_room), ["2-0", "3-0", "4-0", "5-0"]);
        await store.Redis.KeyDeleteAsync(RedisKeys.EpochGuard);
        await store.FillAsync(_room, 2);

        Assert.NotNull((await PageAsync(store))[0].DeletedAt);
        Assert.NotNull((await PageAsync(store, after: 0, limit: 1))[0].DeletedAt);
        Assert.Null(await store.Get<TargetMessages>().FindAsync(_room, target, CancellationToken.None));
    }

    [Fact]
    public async Task Replies_and_targets_are_found_by_index()
    {
        await using var command = _store.Database.CreateCommand("SELECT count(*) FROM pg_indexes WHERE indexname IN ('ix_events_targets', 'ix_events_replies')");
        Assert.Equal(2L, await command.ExecuteScalarAsync());
    }

    private async Task PutAsync(Place place)
    {
        if (place == Place.Copied) await _store.PersistAsync(_room);
        if (place == Place.Moved) await StandInPersister.MoveAsync(_store.Services, _room);
    }

    private Task NumberAsync(params PendingEvent[] events) => _store.NumberAsync(_room, events);

    private static PendingEvent Message(Guid id, string content = "original") => Event(id, new ChatEvent { EventType = EventTypes.ChatMessage, Content = content });

    private static PendingEvent Edit(Guid target, string content) =>
        Event(Guid.NewGuid(), new ChatEvent { EventType = EventTypes.MessageEdited, TargetId = target.ToString(), Content = content });

    private static PendingEvent Deletion(Guid target) => Event(Guid.NewGuid(), new ChatEvent { EventType = EventTypes.MessageDeleted, TargetId = target.ToString() });

    private static PendingEvent Event(Guid id, ChatEvent e)
    {
        var envelope = e with { EventId = id.ToString(), SenderId = "ann", Timestamp = DateTimeOffset.FromUnixTimeMilliseconds(1_795_512_667_123) };
        return new PendingEvent(id, [], 0, 1_795_512_667_123, JsonSerializer.SerializeToUtf8Bytes(envelope, ChatJson.Wire.ChatEvent));
    }

    private async Task<IReadOnlyList<ChatEvent>> PageAsync(RoomStore store, long? before = null, long? after = null, int limit = 50) =>
        [.. (await store.History.ReadPageAsync(_room, before, after, limit, CancellationToken.None)).Events.Select(e => JsonSerializer.Deserialize(e.Span, ChatJson.Default.ChatEvent)!)];

    // As a subscriber reads it.
    private async Task<IReadOnlyList<ChatEvent>> GapAsync(long after)
    {
        var (_, events) = await _store.History.ReadAfterAsync(_room, after, 1_000, CancellationToken.None);
        var changed = await _store.Get<MessageOverlay>().ApplyAsync(_room, events!, new StretchOrigin(ReachesHead: true, StartsHot: false), null, CancellationToken.None);
        return [.. changed.Select(e => JsonSerializer.Deserialize(e.ToDelivered(), ChatJson.Default.ChatEvent)!)];
    }
}
