using Chat.LoadTest.Crowds;
using Chat.LoadTest.Recording;
using Chat.LoadTest.Recovery;

namespace Chat.Tests.LoadTest;

/// <summary>What the measurement of recovery times concludes from what its clients saw.</summary>
public sealed class RecoveryMeasureTests
{
    [Fact]
    public void A_room_is_followed_without_holes_within_an_epoch()
    {
        var room = new FollowedRoom("room");
        room.StartAt(7, "0"u8);
        Assert.Null(room.Take(8, "0"u8, "a"u8));
        Assert.Contains("8 (epoch 0) after 8", room.Take(8, "0"u8, "a"u8));
        Assert.Contains("10 (epoch 0) after 8", room.Take(10, "0"u8, "c"u8));
        Assert.Contains("9 (epoch 0) after 10", room.Take(9, "0"u8, "b"u8));
    }

    [Fact]
    public void Numbers_may_skip_only_where_an_epoch_begins()
    {
        var room = new FollowedRoom("room");
        room.StartAt(7, "0"u8);
        Assert.Null(room.Take(4294967297, "1"u8, "a"u8));
        Assert.Equal((4294967297L, "1"), (room.Position, room.Epoch));
        Assert.NotNull(room.Take(4294967299, "1"u8, "b"u8));
        Assert.NotNull(room.Take(8, "2"u8, "c"u8));
    }

    [Fact]
    public void A_first_subscription_starts_at_the_head_and_a_later_one_where_the_client_is()
    {
        var room = new FollowedRoom("room");
        room.StartAt(0, "0"u8);
        Assert.Null(room.Take(1, "0"u8, "a"u8));
        room.StartAt(5, "0"u8);
        Assert.Equal(1, room.Position);
    }

    [Fact]
    public void The_audit_wants_each_acknowledged_event_once_and_no_other()
    {
        var audit = new Audit([Ack("a", 1), Ack("b", 2), Ack("b", 2)]);
        Assert.Empty(audit.Check([Followed("a", "b")]));
        Assert.Empty(audit.Check([Followed("b", "a")]));
        Assert.Single(audit.Check([Followed("a")]));
        Assert.Single(audit.Check([Followed("a", "a")]));
        Assert.Single(audit.Check([Followed("a", "b", "c")]));
        Assert.Single(audit.Check([("other", 1L, 1, FollowedRoom.Weigh("a"))]));

        static SendAck Ack(string id, long seq) => new(new OperationKey("ann", "room", id), id, seq, "0", "gateway", 1, TimeSpan.Zero);

        static (string, long, int, long) Followed(params string[] ids) => ("room", ids.Length, ids.Length, ids.Sum(FollowedRoom.Weigh));
    }

    [Fact]
    public void A_measurement_tells_its_median_its_percentile_its_maximum_and_what_is_beyond_the_limit()
    {
        var measured = new Measurement("node killed", 5_000, 2, [.. Enumerable.Range(1, 200).Select(i => TimeSpan.FromMilliseconds(10 * i))], TimeSpan.FromSeconds(1.9));
        Assert.Equal((1.0, 1.98, 2.0, 10), (measured.Median.TotalSeconds, measured.P99.TotalSeconds, measured.Max.TotalSeconds, measured.Beyond));
        Assert.Equal("| node killed | 5,000 | 2 | 200 | 1.00 s | 1.98 s | 2.00 s | 1.9 s | 10 |", measured.Row);
    }

    [Fact]
    public void Who_never_came_back_is_beyond_every_limit()
    {
        var measured = new Measurement("node killed", 2, 1, [TimeSpan.FromSeconds(1), TimeSpan.MaxValue], TimeSpan.FromSeconds(10));
        Assert.Equal("| node killed | 2 | 1 | 2 | 1.00 s | never | never | 10 s | 1 |", measured.Row);
        Assert.False(new RecoveryResult([measured], []).Held);
    }

    [Fact]
    public void A_run_holds_when_nothing_is_missing_and_nothing_is_late()
    {
        var measured = new Measurement("node killed", 1, 1, [TimeSpan.FromSeconds(1)], TimeSpan.FromSeconds(2));
        Assert.True(new RecoveryResult([measured], []).Held);
        Assert.False(new RecoveryResult([measured], ["an event is missing"]).Held);
    }

    [Fact]
    public void Each_client_follows_three_rooms_of_the_size_of_a_team()
    {
        var plan = CrowdPlan.Make(1, "tag", 1_000);
        Assert.Equal(60, plan.Rooms.Count);
        Assert.All(plan.Followed, rooms => Assert.Equal(CrowdPlan.RoomsPerClient, rooms.Distinct().Count()));
        Assert.All(plan.Followed.SelectMany(rooms => rooms).CountBy(room => room), room => Assert.InRange(room.Value, 20, 90));
        Assert.Equal(plan.Followed, CrowdPlan.Make(1, "tag", 1_000).Followed);
        Assert.Equal(CrowdPlan.RoomsPerClient, CrowdPlan.Make(1, "tag", 1).Rooms.Count);
    }

    [Fact]
    public void Reconnects_wait_with_full_jitter_below_a_bound_that_doubles_to_a_cap()
    {
        var random = new Random(1);
        foreach (var (failures, bound) in new[] { (0, 250), (1, 500), (3, 2_000), (30, 15_000) })
        {
            var waits = Enumerable.Range(0, 500).Select(_ => ReconnectDelay.After(failures, random).TotalMilliseconds).ToList();
            Assert.InRange(waits.Min(), 0, bound * 0.05);
            Assert.InRange(waits.Max(), bound * 0.95, bound);
        }
    }
}
