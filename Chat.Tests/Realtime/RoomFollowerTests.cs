using System.Text;
using Chat.Contracts;
using Chat.Data.History;
using Chat.Data.Numbering;
using Chat.Realtime;
using Chat.Realtime.Fanout;
using CsCheck;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;

namespace Chat.Tests.Realtime;

/// <summary>The position of a room against a real room store: whatever arrives, by whatever path, each number is delivered once and in order.</summary>
[Collection(nameof(NodeCollection))]
public sealed class RoomFollowerTests(NodeFixture fixture)
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    [Fact]
    public async Task Any_interleaving_of_paths_delivers_each_number_once_and_in_order()
    {
        var (roomId, frames) = await NumberAsync(40);
        // Which frames arrive, how often, and in what order: a second path, losses and reordering all at once. The last one always arrives.
        var arrivals = Gen.Int[0, frames.Count - 1].List[0, 120];
        await arrivals.SampleAsync(async order =>
        {
            var follower = new Recorder(roomId, fixture.Node);
            follower.StartAt(0);
            foreach (var chunk in order.Append(frames.Count - 1).Chunk(3)) follower.Offer([.. chunk.Select(i => frames[i])]);
            await follower.WhenAtAsync(frames.Count);
            Assert.Equal(Enumerable.Range(1, frames.Count).Select(i => (long)i), follower.Delivered);
        }, iter: 40);
    }

    [Fact]
    public async Task What_arrives_before_the_start_is_known_is_not_lost()
    {
        var (roomId, frames) = await NumberAsync(5);
        var follower = new Recorder(roomId, fixture.Node);
        follower.Offer(frames);
        Assert.Empty(follower.Delivered);
        follower.StartAt(2);
        await follower.WhenAtAsync(5);
        Assert.Equal([3L, 4L, 5L], follower.Delivered);
    }

    [Fact]
    public async Task A_lost_last_event_is_found_by_comparing_heads()
    {
        var (roomId, frames) = await NumberAsync(3);
        var follower = new Recorder(roomId, fixture.Node);
        follower.StartAt(0);
        follower.Offer([frames[0]]);
        follower.CompareHead(3, sure: false); // it may just be on its way
        Assert.Equal([1L], follower.Delivered);
        follower.CompareHead(3, sure: false);
        await follower.WhenAtAsync(3);
        Assert.Equal([1L, 2L, 3L], follower.Delivered);
    }

    [Fact]
    public async Task A_newer_access_version_is_checked_before_its_event_is_delivered()
    {
        var (roomId, frames) = await NumberAsync(2);
        var follower = new Recorder(roomId, fixture.Node);
        follower.StartAt(0);
        follower.Offer([frames[0], frames[1] with { AccessVersion = 7 }]);
        await follower.WhenAtAsync(2);
        Assert.Equal(["1", "recheck", "2"], follower.Story);
    }

    [Fact]
    public async Task A_repaired_gap_in_which_nobody_lost_anything_asks_nobody()
    {
        var (roomId, frames) = await NumberAsync(3);
        var follower = new Recorder(roomId, fixture.Node);
        follower.StartAt(0);
        follower.Offer([frames[0], frames[2]]);
        await follower.WhenAtAsync(3);
        Assert.Equal(["1", "2", "3"], follower.Story);
    }

    [Fact]
    public async Task A_repaired_gap_in_which_somebody_lost_access_is_checked_before_anything_of_it_is_delivered()
    {
        var (roomId, frames) = await NumberAsync(4, versionOf: i => i == 1 ? 5 : 0);
        var follower = new Recorder(roomId, fixture.Node);
        follower.StartAt(0);
        follower.Offer([frames[0], frames[2]]);
        await follower.WhenAtAsync(4); // what was read goes up to the head
        Assert.Equal(["1", "recheck", "2", "3", "4"], follower.Story);
    }

    [Fact]
    public async Task Who_cannot_be_checked_while_Postgres_is_away_receives_nothing_and_misses_nothing()
    {
        var (roomId, frames) = await NumberAsync(3, versionOf: i => i == 1 ? 5 : 0);
        var follower = new Recorder(roomId, fixture.Node) { PostgresIsAway = true };
        follower.StartAt(0);
        follower.Offer([frames[0], frames[2]]);
        await follower.WhenRefusedAsync(times: 3);
        Assert.Equal([1L], follower.Delivered);

        follower.PostgresIsAway = false;
        await follower.WhenAtAsync(3);
        Assert.Equal(["1", "recheck", "2", "3"], follower.Story);
    }

    [Fact]
    public async Task A_new_epoch_is_announced_and_its_events_follow()
    {
        var roomId = NodeFixture.Name("room");
        var follower = new Recorder(roomId, fixture.Node);
        follower.StartAt(10);
        var start = 3 * ProtocolLimits.NumbersPerEpoch;
        follower.Offer([new RoomFrame(new NumberedEvent(start + 1, 3, "{\"a\":1}"u8.ToArray()), 0), new RoomFrame(new NumberedEvent(start + 2, 3, "{\"a\":1}"u8.ToArray()), 0)]);
        await follower.WhenAtAsync(start + 2);
        Assert.Equal(["recheck", $"resync 3 {start}", $"{start + 1}", $"{start + 2}"], follower.Story);
    }

    [Fact]
    public async Task A_loss_that_is_noticed_while_a_gap_is_read_is_looked_for_again()
    {
        var (roomId, frames) = await NumberAsync(3, versionOf: i => i == 1 ? 5 : 0);
        var follower = new Recorder(roomId, fixture.Node);
        follower.DuringRecheck = async () =>
        {
            follower.DuringRecheck = null;
            await NumberAsync(1, roomId: roomId); // its message is lost
            follower.CompareHead(4, sure: true);
        };
        follower.StartAt(0);
        follower.Offer([frames[0], frames[2]]);
        await follower.WhenAtAsync(4);
        Assert.Equal([1L, 2L, 3L, 4L], follower.Delivered);
    }

    [Fact]
    public async Task Who_brings_an_event_while_another_one_is_handed_out_goes_on_and_the_event_follows()
    {
        var (roomId, frames) = await NumberAsync(2);
        var (follower, wentOn) = (new Recorder(roomId, fixture.Node), false);
        follower.StartAt(0);
        follower.DuringDelivery = seq =>
        {
            if (seq == 1) wentOn = Task.Run(() => follower.Offer([frames[1]])).Wait(Patience);
        };
        follower.Offer([frames[0]]);
        Assert.True(wentOn);
        Assert.Equal([1L, 2L], follower.Delivered);
    }

    [Fact]
    public async Task Who_brings_an_event_to_a_large_room_does_not_wait_for_its_sends()
    {
        var (roomId, frames) = await NumberAsync(1);
        var follower = new Recorder(roomId, fixture.Node) { HasManyReceivers = true };
        using var released = new ManualResetEventSlim();
        var waited = false;
        follower.StartAt(0);
        follower.DuringDelivery = _ => waited = released.Wait(Patience);
        follower.Offer(frames);
        released.Set();
        await follower.WhenAtAsync(1);
        Assert.True(waited);
    }

    [Fact]
    public async Task What_comes_while_a_large_room_sends_leaves_together()
    {
        var (roomId, frames) = await NumberAsync(3);
        var follower = new Recorder(roomId, fixture.Node) { HasManyReceivers = true };
        follower.StartAt(0);
        follower.DuringDelivery = seq =>
        {
            if (seq != 1) return;
            follower.Offer([frames[1]]);
            follower.Offer([frames[2]]);
        };
        follower.Offer([frames[0]]);
        await follower.WhenAtAsync(3);
        Assert.Equal(["1", "2 3"], follower.Together);
    }

    [Fact]
    public async Task What_arrives_beyond_the_bound_while_others_are_handed_out_is_read_from_history()
    {
        var (roomId, frames) = await NumberAsync(4);
        var follower = new Recorder(roomId, fixture.Node);
        follower.StartAt(0);
        var tooMuch = new RoomFrame(new NumberedEvent(2, 0, new byte[5 << 20]), 0);
        follower.DuringDelivery = seq =>
        {
            if (seq == 1) follower.Offer([tooMuch]);
        };
        follower.Offer([frames[0]]);
        await follower.WhenAtAsync(4);
        Assert.Equal([1L, 2L, 3L, 4L], follower.Delivered);
    }

    [Fact]
    public async Task A_room_whose_events_could_not_be_handed_out_hands_out_the_next_ones()
    {
        var (roomId, frames) = await NumberAsync(2);
        var follower = new Recorder(roomId, fixture.Node);
        follower.StartAt(0);
        follower.DuringDelivery = seq =>
        {
            if (seq == 1) throw new InvalidOperationException();
        };
        follower.Offer([frames[0]]);
        follower.Offer([frames[1]]);
        Assert.Equal(["2"], follower.Together);
    }

    private async Task<(string RoomId, IReadOnlyList<RoomFrame> Frames)> NumberAsync(int count, Func<int, long>? versionOf = null, string? roomId = null)
    {
        roomId ??= NodeFixture.Name("room");
        var numbering = fixture.Node.Services.GetRequiredService<RoomNumbering>();
        var epoch = (await fixture.Node.Services.GetRequiredService<EpochStore>().GetAsync(CancellationToken.None)).Number;
        PendingEvent[] events = [.. Enumerable.Range(0, count).Select(i => new PendingEvent(Guid.CreateVersion7(), [], versionOf?.Invoke(i) ?? 0, 1, Encoding.UTF8.GetBytes($$"""{"n":{{i}}}""")))];
        var numbers = await numbering.NumberAsync(roomId, epoch, events, CancellationToken.None);
        return (roomId, [.. numbers.Select((number, i) => new RoomFrame(new NumberedEvent(number.Seq, number.Epoch, events[i].Body), 0))]);
    }

    private sealed class Recorder(string roomId, TestNode node) : RoomFollower(
        roomId, node.Services.GetRequiredService<RoomHistory>(), node.Services.GetRequiredService<NodeMetrics>(), TimeProvider.System, NullLogger.Instance, CancellationToken.None)
    {
        private readonly List<string> _story = [];
        private readonly List<long> _delivered = [];
        private readonly List<long> _pending = [];
        private readonly List<string> _together = [];

        private int _refused;

        public bool PostgresIsAway { get; set; }
        public Func<Task>? DuringRecheck { get; set; }
        public Action<long>? DuringDelivery { get; set; }
        public bool HasManyReceivers { get; init; }
        public IReadOnlyList<string> Story { get { lock (Gate) return [.. _story]; } }
        /// <summary>Events that left with one write.</summary>
        public IReadOnlyList<string> Together { get { lock (Gate) return [.. _together]; } }
        public IReadOnlyList<long> Delivered { get { lock (Gate) return [.. _delivered]; } }

        public async Task WhenAtAsync(long seq)
        {
            for (var deadline = DateTime.UtcNow + Patience; DateTime.UtcNow < deadline; await Task.Delay(5))
                lock (Gate)
                    if (Position == seq) return;
            throw new TimeoutException($"The follower stands at {Position} and not at {seq}.");
        }

        public async Task WhenRefusedAsync(int times)
        {
            for (var deadline = DateTime.UtcNow + Patience; DateTime.UtcNow < deadline; await Task.Delay(5))
                lock (Gate)
                    if (_refused >= times) return;
            throw new TimeoutException($"Receivers were asked about {_refused} times and not {times}.");
        }

        protected override bool IsLarge => HasManyReceivers;

        protected override void Deliver(in NumberedEvent numbered)
        {
            DuringDelivery?.Invoke(numbered.Seq);
            _delivered.Add(numbered.Seq);
            _pending.Add(numbered.Seq);
            _story.Add($"{numbered.Seq}");
        }

        protected override void DeliverPending()
        {
            if (_pending.Count > 0) _together.Add(string.Join(' ', _pending));
            _pending.Clear();
        }

        protected override void Resync(int epoch, long headSeq) => _story.Add($"resync {epoch} {headSeq}");

        protected override Task RecheckAsync(CancellationToken cancellationToken)
        {
            lock (Gate)
            {
                if (PostgresIsAway)
                {
                    _refused++;
                    throw new ChatException(ErrorCodes.Unavailable, "The database cannot be reached now.");
                }
                _story.Add("recheck");
            }
            return DuringRecheck?.Invoke() ?? Task.CompletedTask;
        }
    }
}
