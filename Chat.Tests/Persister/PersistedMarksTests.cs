using Chat.Contracts;
using Chat.Data.History;
using Chat.Data.Numbering;
using Chat.Data.Writing;
using Chat.Persister;
using Chat.Tests.Backends;
using Chat.Tests.Numbering;
using Chat.Tests.People;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;

namespace Chat.Tests.Persister;

/// <summary>When Redis hears what is persisted. Nothing runs by itself: the test says how late it is.</summary>
public sealed class PersistedMarksTests : IClassFixture<RoomStoreFixture>
{
    private static readonly TimeSpan Rest = TimeSpan.FromSeconds(5);
    private static readonly PersistedHead Nothing = new(0, 0);

    private readonly RoomStore _store;
    private readonly FakeTimeProvider _time = new(DateTimeOffset.UtcNow);
    private readonly PersistedMarks _marks;
    private readonly string _room = RoomStore.NewRoom();

    public PersistedMarksTests(RoomStoreFixture fixture) => (_store, _marks) = (fixture.Store, MarksOf(fixture.Store));

    [Fact]
    public async Task Redis_hears_of_a_room_some_seconds_after_its_first_event_was_persisted()
    {
        var some = await NumberAsync(_room, 3);
        await SetAsync(some, Nothing);
        _time.Advance(Rest - TimeSpan.FromMilliseconds(1));
        var more = await NumberAsync(_room, 2);
        await SetAsync(more, new PersistedHead(3, 0));
        await _marks.TellDueAsync();
        Assert.Equal((null, false), (await PersistedAsync(_room), await IsShortenedAsync(some[0])));

        _time.Advance(TimeSpan.FromMilliseconds(1));
        await _marks.TellDueAsync();

        Assert.Equal(5, await PersistedAsync(_room));
        foreach (var record in some.Concat(more))
            Assert.True(await IsShortenedAsync(record));
    }

    [Fact]
    public async Task The_first_event_of_a_room_is_not_forgotten_over_later_ones()
    {
        var records = await NumberAsync(_room, 2);
        await _store.Redis.HashDeleteAsync(RedisKeys.Head(_room), "first"); // a room from before the epoch
        await SetAsync(records[..1], Nothing);
        await SetAsync(records[1..], new PersistedHead(1, 0));

        await _marks.TellAllAsync();

        Assert.Equal((2, 1), (await PersistedAsync(_room), await _store.Redis.HashGetAsync(RedisKeys.Head(_room), "first")));
    }

    [Theory]
    [InlineData(HotStream.KeptEvents / 2 - 1, false)]
    [InlineData(HotStream.KeptEvents / 2, true)]
    public async Task A_room_that_has_got_many_events_is_told_of_at_once(int events, bool isTold)
    {
        var records = await NumberAsync(_room, events);

        await SetAsync(records[..1], Nothing);
        await SetAsync(records[1..], new PersistedHead(1, 0));

        Assert.Equal(isTold ? events : null, await PersistedAsync(_room));
        Assert.Equal(isTold, await IsShortenedAsync(records[^1]));
    }

    [Fact]
    public async Task A_room_that_goes_on_for_long_keeps_a_bounded_number_of_events_in_Redis()
    {
        for (var seq = 0; seq < 1_000; seq += 50)
        {
            var records = await NumberAsync(_room, 50);
            await SetAsync(records, new PersistedHead(seq, 0));
        }

        Assert.InRange(await _store.Redis.StreamLengthAsync(RedisKeys.Stream(_room)), HotStream.KeptEvents, HotStream.KeptEvents + 100);
    }

    [Fact]
    public async Task Much_that_waits_in_many_rooms_is_told_at_once()
    {
        await SetAsync(await NumberAsync(_room, 1), Nothing);
        for (var room = 0; room < 160; room++)
            await SetAsync([.. Enumerable.Range(1, 62).Select(seq => Record($"{_room}-{room}", seq))], Nothing);
        Assert.Null(await PersistedAsync(_room));

        for (var room = 160; room < 162; room++)
            await SetAsync([.. Enumerable.Range(1, 62).Select(seq => Record($"{_room}-{room}", seq))], Nothing);

        Assert.Equal(1, await PersistedAsync(_room));
    }

    [Fact]
    public async Task More_ids_than_one_call_may_have_are_all_shortened()
    {
        var records = await NumberAsync(_room, 150);

        await SetAsync(records, Nothing);

        Assert.Equal(150, await PersistedAsync(_room));
        foreach (var record in records)
            Assert.True(await IsShortenedAsync(record));
    }

    [Fact]
    public async Task A_record_from_a_clock_that_is_far_ahead_holds_up_no_mark()
    {
        var ahead = (await NumberAsync(_room, 1))[0];
        ahead = ahead with { Record = ahead.Record with { Event = ahead.Record.Event with { TimestampMs = ProtocolLimits.NumbersPerEpoch << 20 } } };
        await SetAsync([ahead], Nothing);

        await _marks.TellAllAsync();

        Assert.Equal(1, await PersistedAsync(_room));
    }

    [Fact]
    public async Task What_is_refused_to_one_room_is_told_of_others_and_of_this_one_later()
    {
        var (other, records) = (RoomStore.NewRoom(), await NumberAsync(_room, 2));
        await SetAsync(records[..1], Nothing);
        await SetAsync(await NumberAsync(other, 1), Nothing);
        await RefuseAsync(_room);

        await _marks.TellAllAsync();
        Assert.Equal(1, await PersistedAsync(other));
        await AllowAsync(_room);
        await SetAsync(records[1..], new PersistedHead(1, 0));
        _time.Advance(Rest);
        await _marks.TellDueAsync();

        Assert.Equal(2, await PersistedAsync(_room));
        foreach (var record in records)
            Assert.True(await IsShortenedAsync(record));
    }

    [Fact]
    public async Task More_than_may_wait_is_forgotten_and_the_next_event_of_the_room_tells_it()
    {
        var records = await NumberAsync(_room, 2);
        await RefuseAsync(_room);
        await SetAsync([.. Enumerable.Range(1, 10_001).Select(_ => records[0])], Nothing);
        await AllowAsync(_room);
        await _marks.TellAllAsync();
        Assert.Null(await PersistedAsync(_room));

        await SetAsync(records[1..], new PersistedHead(1, 0));
        await _marks.TellAllAsync();

        Assert.Equal(2, await PersistedAsync(_room));
    }

    [Fact]
    public async Task A_Redis_that_was_away_hears_it_when_it_is_back()
    {
        await using var redis = await RedisFixture.StartServerAsync();
        await using var store = await RoomStore.OpenAsync(redis.ConnectionString, _store.DatabaseConnection);
        // Without a number: the database has the epoch of another Redis.
        await store.Redis.HashSetAsync(RedisKeys.Head(_room), "head", 1);
        var marks = MarksOf(store);
        await marks.SetAsync(BatchOf([Record(_room, 1)]), CopiesOf([Record(_room, 1)], Nothing));
        await redis.KillWithDataAsync();
        await marks.TellAllAsync();
        await redis.StartAsync();

        await Until.TrueAsync(async () =>
        {
            _time.Advance(Rest);
            await marks.TellDueAsync();
            return store.Multiplexer.IsConnected && await store.Redis.HashGetAsync(RedisKeys.Head(_room), "persisted") == 1;
        }, "the mark", within: TimeSpan.FromSeconds(60));
    }

    private PersistedMarks MarksOf(RoomStore store) => new(store.Hot, _time, NullLogger<PersistedMarks>.Instance);

    private Task SetAsync(IReadOnlyList<NumberedRecord> records, PersistedHead after) => _marks.SetAsync(BatchOf(records), CopiesOf(records, after));

    private static NumberedBatch BatchOf(IReadOnlyList<NumberedRecord> records) => new(new RecordBatch(ReadingStart.Nothing), 0, records);

    private static RoomCopies CopiesOf(IReadOnlyList<NumberedRecord> records, PersistedHead after)
    {
        var rows = records.Select(record => EventRow.Create(record.Record.RoomId, new HotEvent(record.Event, record.Number.EventId, record.Record.Event.TimestampMs)));
        return new RoomCopies([new RoomCopy(records[0].Record.RoomId, after, [.. rows])], IsWhole: true, HasHole: false);
    }

    private NumberedRecord Record(string room, long seq)
    {
        var pending = NewEvent();
        return new NumberedRecord(new LogRecord(room, pending, 0, []), new EventNumber(pending.EventId, seq, 0, pending.TimestampMs, Known: true), IsPersisted: false);
    }

    private async Task<NumberedRecord[]> NumberAsync(string room, int count)
    {
        var events = Enumerable.Range(0, count).Select(_ => NewEvent()).ToArray();
        var numbers = await _store.NumberAsync(room, events);
        return [.. events.Zip(numbers, (pending, number) => new NumberedRecord(new LogRecord(room, pending, 0, []), number, IsPersisted: false))];
    }

    private PendingEvent NewEvent() => RoomStore.Event() with { TimestampMs = _time.GetUtcNow().ToUnixTimeMilliseconds() };

    private async Task<long?> PersistedAsync(string room) => (long?)await _store.Redis.HashGetAsync(RedisKeys.Head(room), "persisted");

    private async Task<bool> IsShortenedAsync(NumberedRecord record) =>
        await _store.Redis.KeyTimeToLiveAsync(RedisKeys.IdPrefix(record.Record.RoomId) + record.Number.EventId.ToString("N")) <= TimeSpan.FromHours(1);

    private Task RefuseAsync(string room) => Task.WhenAll(
        _store.Redis.KeyRenameAsync(RedisKeys.Head(room), RedisKeys.Head(room) + ":aside"), _store.Redis.StringSetAsync(RedisKeys.Head(room), "not a hash"));

    private Task AllowAsync(string room) => _store.Redis.KeyRenameAsync(RedisKeys.Head(room) + ":aside", RedisKeys.Head(room));
}
