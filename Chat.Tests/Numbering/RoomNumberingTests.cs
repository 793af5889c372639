using System.Text;
using Chat.Contracts;
using Chat.Data.Numbering;
using StackExchange.Redis;

namespace Chat.Tests.Numbering;

/// <summary>The numbering script against a real Redis.</summary>
public sealed class RoomNumberingTests(RoomStoreFixture fixture) : IClassFixture<RoomStoreFixture>
{
    private static readonly TimeSpan Wait = TimeSpan.FromSeconds(30);

    private readonly string _room = RoomStore.NewRoom();
    private readonly RoomStore _store = fixture.Store;

    [Fact]
    public async Task Numbers_start_at_1_and_have_no_holes()
    {
        var first = await _store.FillAsync(_room, 3);
        var second = await _store.FillAsync(_room, 2);

        Assert.Equal([1, 2, 3, 4, 5], first.Concat(second).Select(n => n.Seq));
        Assert.All(first, n => Assert.False(n.Known));
    }

    [Fact]
    public async Task A_repeat_answers_the_same_and_changes_nothing()
    {
        var events = new[] { RoomStore.Event("a"), RoomStore.Event("b") };
        var first = await _store.NumberAsync(_room, events);
        var head = await _store.Redis.HashGetAllAsync(RedisKeys.Head(_room));

        var again = await _store.NumberAsync(_room, events);

        Assert.Equal(first.Select(n => n with { Known = true }), again);
        Assert.Equal(2, await _store.Redis.StreamLengthAsync(RedisKeys.Stream(_room)));
        Assert.Equal(head.OrderBy(e => e.Name), (await _store.Redis.HashGetAllAsync(RedisKeys.Head(_room))).OrderBy(e => e.Name));
    }

    [Fact]
    public async Task The_same_event_twice_in_one_call_takes_one_number()
    {
        var e = RoomStore.Event("a");

        var numbers = await _store.NumberAsync(_room, e, e, RoomStore.Event("b"));

        Assert.Equal([1, 1, 2], numbers.Select(n => n.Seq));
        Assert.Equal([false, true, false], numbers.Select(n => n.Known));
    }

    [Fact]
    public async Task A_repeat_on_a_neighbouring_day_finds_the_id_of_the_first_send()
    {
        var (yesterday, today) = (Guid.NewGuid(), Guid.NewGuid());
        await _store.NumberAsync(_room, RoomStore.Event("sent before midnight", id: yesterday, otherIds: today));

        var again = await _store.NumberAsync(_room, RoomStore.Event("sent again after midnight", id: today, otherIds: yesterday));

        Assert.Equal(new EventNumber(yesterday, 1, 0, 1_795_512_667_123, Known: true), Assert.Single(again));
    }

    [Fact]
    public async Task Neighbouring_days_in_one_call_take_one_number()
    {
        var (yesterday, today) = (Guid.NewGuid(), Guid.NewGuid());

        var numbers = await _store.NumberAsync(_room, RoomStore.Event("a", id: yesterday, otherIds: today), RoomStore.Event("a", id: today, otherIds: yesterday));

        Assert.Equal([1, 1], numbers.Select(n => n.Seq));
        Assert.Equal([yesterday, yesterday], numbers.Select(n => n.EventId));
    }

    [Fact]
    public async Task Callers_at_once_share_one_order_without_holes()
    {
        await using var other = await _store.OpenAnotherAsync();
        var shared = Enumerable.Range(0, 40).Select(i => RoomStore.Event($"shared {i}")).ToArray();

        var calls = Enumerable.Range(0, 8).Select(caller => Task.Run(async () =>
        {
            var numbers = new List<EventNumber>();
            foreach (var chunk in shared.Chunk(5))
                numbers.AddRange(await (caller % 2 == 0 ? _store : other).NumberAsync(_room, chunk));
            return numbers;
        }));
        var answers = await Task.WhenAll(calls).WaitAsync(Wait);

        var expected = answers[0].Select(n => n.Seq).ToList();
        Assert.Equal(Enumerable.Range(1, 40).Select(i => (long)i), expected.Order());
        Assert.All(answers, answer => Assert.Equal(expected, answer.Select(n => n.Seq)));
        Assert.Equal(40, answers.SelectMany(a => a).Count(n => !n.Known));
    }

    [Fact]
    public async Task One_message_carries_the_new_events_of_a_call_as_they_are()
    {
        var messages = await SubscribeAsync(RedisKeys.RoomChannel(_room));
        var known = RoomStore.Event("known");
        await _store.NumberAsync(_room, known);
        await messages.ReadAsync().AsTask().WaitAsync(Wait);
        var events = new[] { RoomStore.Event("zwei\\nZeilen ü 🙂"), known, RoomStore.Event("three", access: 7) };

        await _store.NumberAsync(_room, events);

        var message = await messages.ReadAsync().AsTask().WaitAsync(Wait);
        var frames = RoomFrames.Parse((byte[])message.Message!);
        Assert.Equal([(2L, 0L), (3L, 7L)], frames.Select(f => (f.Event.Seq, f.AccessVersion)));
        Assert.Equal(events[0].Body.ToArray(), frames[0].Event.Body.ToArray());
        Assert.Equal(events[2].Body.ToArray(), frames[1].Event.Body.ToArray());
    }

    [Fact]
    public async Task Bytes_that_are_no_text_pass_through_unchanged()
    {
        var body = Enumerable.Range(0, 256).Select(i => (byte)i).ToArray();

        await _store.NumberAsync(_room, RoomStore.Event() with { Body = body });

        var slice = await _store.Hot.ReadOldestAsync(_room, 0, long.MaxValue, 10, CancellationToken.None);
        Assert.Equal(body, Assert.Single(slice.Events).Event.Body.ToArray());
    }

    [Fact]
    public async Task A_risen_access_version_deletes_the_copy_and_an_older_one_does_not()
    {
        await _store.NumberAsync(_room, RoomStore.Event(access: 5));
        await _store.Redis.HashSetAsync(RedisKeys.Access(_room), "v", 5);

        await _store.NumberAsync(_room, RoomStore.Event(access: 5), RoomStore.Event(access: 3), RoomStore.Event());
        var kept = await _store.Redis.KeyExistsAsync(RedisKeys.Access(_room));
        await _store.NumberAsync(_room, RoomStore.Event(access: 6));

        Assert.True(kept);
        Assert.False(await _store.Redis.KeyExistsAsync(RedisKeys.Access(_room)));
        Assert.Equal(6, await _store.Redis.HashGetAsync(RedisKeys.Head(_room), "access"));
    }

    [Fact]
    public async Task Ids_are_looked_up_in_their_order_and_unknown_ones_are_null()
    {
        var e = RoomStore.Event();
        var number = Assert.Single(await _store.NumberAsync(_room, e));

        var found = await _store.Numbering.LookUpAsync(_room, [Guid.NewGuid(), e.EventId], CancellationToken.None);

        Assert.Equal([null, number with { Known = true }], found);
        Assert.All(await _store.Numbering.LookUpAsync(RoomStore.NewRoom(), [e.EventId], CancellationToken.None), Assert.Null);
    }

    [Fact]
    public async Task Ids_are_remembered_for_a_week()
    {
        var e = RoomStore.Event();
        await _store.NumberAsync(_room, e);

        var life = await _store.Redis.KeyTimeToLiveAsync(RedisKeys.IdPrefix(_room) + e.EventId.ToString("N"));

        Assert.InRange(life!.Value, TimeSpan.FromDays(7) - TimeSpan.FromMinutes(1), TimeSpan.FromDays(7));
    }

    [Fact]
    public async Task Direct_heads_only_rise_and_both_users_get_the_frames()
    {
        var (alice, bob) = ("alice-" + _room, "bob-" + _room);
        var messages = await SubscribeAsync(RedisKeys.UserChannel(bob));
        var fanout = _store.Get<DirectFanout>();
        RoomFrame[] frames = [new(new NumberedEvent(4, 0, Encoding.UTF8.GetBytes("{\"a\":1}")), 0), new(new NumberedEvent(5, 0, "{}"u8.ToArray()), 2)];

        await fanout.TellAsync("dm.x", [alice, bob], frames);
        await fanout.TellAsync("dm.x", [alice, bob], frames[..1], publish: false);

        Assert.Equal(5, await _store.Redis.HashGetAsync(RedisKeys.DirectHeads(alice), "dm.x"));
        var message = await messages.ReadAsync().AsTask().WaitAsync(Wait);
        Assert.True(RoomFrames.TryParseDirect((byte[])message.Message!, out var room, out var parsed));
        Assert.Equal("dm.x", room);
        Assert.Equal(frames.Select(f => f.Event.ToString()), parsed.Select(f => f.Event.ToString()));
        Assert.False(RoomFrames.TryParseDirect("{\"event_type\":\"read\"}"u8.ToArray(), out _, out _));
    }

    [Theory]
    [InlineData("1 0 0 5\nabc")]
    [InlineData("1 0 0\nabc")]
    [InlineData("x 0 0 3\nabc")]
    [InlineData("-1 0 0 3\nabc")]
    [InlineData("1 0 0 3\nabcmore")]
    [InlineData("1 0 0 99999999999999999999\nabc")]
    public void A_message_that_is_not_the_scripts_is_refused(string text) =>
        Assert.Throws<FormatException>(() => RoomFrames.Parse(Encoding.UTF8.GetBytes(text)));

    private async Task<ChannelMessageQueue> SubscribeAsync(string channel) =>
        await _store.Multiplexer.GetSubscriber().SubscribeAsync(RedisChannel.Sharded(channel));
}
