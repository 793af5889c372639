using System.Text.Json;
using Chat.Contracts;
using Chat.Data.History;
using Chat.Tests.Backends;
using Chat.Tests.Numbering;

namespace Chat.Tests.History;

/// <summary>One history over two stores: the seam must not show.</summary>
public sealed class RoomHistoryTests(RoomStoreFixture fixture) : IClassFixture<RoomStoreFixture>
{
    private readonly string _room = RoomStore.NewRoom();
    private readonly RoomStore _store = fixture.Store;

    [Fact]
    public async Task An_empty_room_has_bounds_of_0()
    {
        Assert.Equal(new RoomBounds(0, 0, 0), await _store.History.GetBoundsAsync(_room, CancellationToken.None));
        Assert.Empty((await PageAsync()).Seqs);
        Assert.Equal([], await AfterAsync(0));
    }

    [Fact]
    public async Task Bounds_come_from_Redis_before_and_after_persisting()
    {
        await _store.FillAsync(_room, 3);
        var before = await _store.History.GetBoundsAsync(_room, CancellationToken.None);
        await _store.PersistAsync(_room);

        Assert.Equal(new RoomBounds(3, 0, 1) { AccessVersion = 0 }, before);
        Assert.Equal(before, await _store.History.GetBoundsAsync(_room, CancellationToken.None));
    }

    [Fact]
    public async Task Rooms_that_ask_at_the_same_moment_get_their_own_bounds()
    {
        string[] rooms = [.. Enumerable.Range(0, 20).Select(_ => RoomStore.NewRoom())];
        foreach (var (room, i) in rooms.Select((room, i) => (room, i)).Where(at => at.i % 4 != 0))
        {
            await _store.FillAsync(room, i);
            await _store.PersistAsync(room);
        }

        var bounds = await Task.WhenAll(rooms.Select(room => _store.Get<EventStore>().GetBoundsAsync(room, CancellationToken.None)));

        Assert.Equal(Enumerable.Range(0, 20).Select(i => i % 4 == 0 ? default : new RoomBounds(i, 0, 1)), bounds);
    }

    [Theory]
    [InlineData(0)] // nothing persisted
    [InlineData(1)] // persisted, and trimmed to the newest 128
    [InlineData(2)] // persisted, and Redis has lost the room
    public async Task Every_gap_is_closed_exactly_wherever_the_events_are(int where)
    {
        await _store.FillAsync(_room, 300);
        await MoveAsync(where);

        foreach (var after in new long[] { 0, 1, 171, 172, 173, 298, 299, 300 })
            Assert.Equal(Range(after + 1, 300), await AfterAsync(after));
    }

    [Fact]
    public async Task A_gap_that_is_too_large_or_above_the_head_is_not_closed()
    {
        await _store.FillAsync(_room, 11);

        Assert.Equal(Range(2, 11), await AfterAsync(1, max: 10));
        Assert.Null(await AfterAsync(0, max: 10));
        Assert.Null(await AfterAsync(12));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    public async Task Paging_both_ways_visits_every_event_once(int where)
    {
        await _store.FillAsync(_room, 300);
        await MoveAsync(where);

        var backward = new List<long>();
        var (seqs, hasMore) = await PageAsync(limit: 37);
        while (seqs.Count > 0)
        {
            backward.InsertRange(0, seqs);
            Assert.Equal(seqs[0] > 1, hasMore);
            (seqs, hasMore) = await PageAsync(before: seqs[0], limit: 37);
        }
        var forward = new List<long>();
        (seqs, hasMore) = await PageAsync(after: 0, limit: 37);
        while (seqs.Count > 0)
        {
            forward.AddRange(seqs);
            Assert.Equal(seqs[^1] < 300, hasMore);
            (seqs, hasMore) = await PageAsync(after: seqs[^1], limit: 37);
        }

        Assert.Equal(Range(1, 300), backward);
        Assert.Equal(Range(1, 300), forward);
    }

    [Fact]
    public async Task Delivered_events_carry_their_position_in_front_of_the_logged_body()
    {
        await _store.NumberAsync(_room, RoomStore.Event("first"), RoomStore.Event("ü 🙂"));

        var slice = await _store.History.ReadPageAsync(_room, null, null, 1, CancellationToken.None);

        var delivered = JsonSerializer.Deserialize(slice.Events[0].Span, ChatJson.Default.ChatEvent)!;
        Assert.Equal((2L, "0", "ü 🙂"), (delivered.Seq, delivered.Epoch, delivered.Content));
        Assert.Equal(2, slice.HeadSeq);
        Assert.True(slice.HasMore);
    }

    private async Task MoveAsync(int where)
    {
        if (where > 0)
            await _store.PersistAsync(_room);
        if (where > 1)
            await _store.Redis.KeyDeleteAsync([RedisKeys.Head(_room), RedisKeys.Stream(_room)]);
    }

    private async Task<IReadOnlyList<long>?> AfterAsync(long after, int max = 1000) =>
        (await _store.History.ReadAfterAsync(_room, after, max, CancellationToken.None)).Events?.Select(e => e.Seq).ToList();

    private async Task<(IReadOnlyList<long> Seqs, bool HasMore)> PageAsync(long? before = null, long? after = null, int limit = 50)
    {
        var slice = await _store.History.ReadPageAsync(_room, before, after, limit, CancellationToken.None);
        return ([.. slice.Events.Select(e => JsonSerializer.Deserialize(e.Span, ChatJson.Default.ChatEvent)!.Seq!.Value)], slice.HasMore);
    }

    private static IEnumerable<long> Range(long first, long last) => Enumerable.Range((int)first, (int)(last - first + 1)).Select(i => (long)i);
}
