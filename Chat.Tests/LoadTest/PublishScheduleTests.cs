using Chat.LoadTest.Measuring;
using Chat.LoadTest.Recording;
using CsCheck;

namespace Chat.Tests.LoadTest;

/// <summary>The schedule of a load is fixed before it begins, and kept.</summary>
public sealed class PublishScheduleTests
{
    [Fact]
    public void Every_publish_has_its_time_its_room_and_its_turn_there() =>
        Gen.Select(Gen.Int[1, 500], Gen.Int[1, 20], Gen.Int[1, 5]).Sample((rate, rooms, seconds) =>
        {
            var schedule = new PublishSchedule(rate, rooms, TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(seconds));
            Assert.Equal(rate * (seconds + 1), schedule.Count);
            Assert.Equal(schedule.Count, Enumerable.Range(0, rooms).Sum(schedule.TurnsOf));
            for (var publish = 0; publish < schedule.Count; publish++)
            {
                Assert.Equal(publish, schedule.PublishAt(schedule.RoomOf(publish), schedule.TurnOf(publish)));
                Assert.InRange(schedule.TurnOf(publish), 0, schedule.TurnsOf(schedule.RoomOf(publish)) - 1);
                Assert.Equal(publish / (double)rate, schedule.DueAt(publish).TotalSeconds, tolerance: 1e-6);
                Assert.Equal(publish >= rate, schedule.IsMeasured(publish));
            }
        });

    [Fact]
    public async Task A_stall_moves_no_publish_and_makes_those_behind_it_late()
    {
        var schedule = new PublishSchedule(1_000, 1, TimeSpan.Zero, TimeSpan.FromMilliseconds(100));
        var clock = new RunClock();
        var stall = TimeSpan.FromMilliseconds(200);
        var sent = new List<int>();
        var loop = new OpenLoop(schedule, clock, publish =>
        {
            sent.Add(publish);
            if (publish != 10) return;
            var end = clock.Now + stall;
            SpinWait.SpinUntil(() => clock.Now >= end);
        });
        await loop.RunAsync(clock.Now, TestContext.Current.CancellationToken);
        loop.Lateness.Tick(clock.Now);

        Assert.Equal(Enumerable.Range(0, 100), sent);
        // Number 11 was due a millisecond after the stall began, and so on to the last: their times say how long they waited.
        var lateness = loop.Lateness.Summary();
        Assert.Equal(100, lateness.Count);
        Assert.True(lateness.Max >= 198, $"{lateness.Max}");
        Assert.True(lateness.P50 >= 100, $"{lateness.P50}");
    }

    [Fact]
    public void Latencies_keep_three_digits_to_the_far_tail()
    {
        var latencies = new Latencies();
        for (var i = 1; i <= 10_000; i++) latencies.Record(TimeSpan.FromMilliseconds(i));
        latencies.Tick(TimeSpan.FromSeconds(1));
        latencies.Record(TimeSpan.FromHours(2));
        latencies.Tick(TimeSpan.FromSeconds(2));
        var summary = latencies.Summary();
        Assert.Equal((10_001L, 2), (summary.Count, latencies.Points.Count));
        Assert.InRange(summary.P50, 4_990, 5_010);
        Assert.InRange(summary.P99, 9_880, 9_920);
        // No more than an hour is told apart.
        Assert.InRange(summary.Max, 3_590_000, 3_610_000);
        Assert.Equal(0, new Latencies().Summary().Count);
    }

    [Fact]
    public void A_text_says_which_publish_it_is()
    {
        Assert.Equal("17..............", PublishContent.Of(17, 16));
        Assert.Equal(17, PublishContent.NumberIn("17.............."u8));
        Assert.Equal(-1, PublishContent.NumberIn("17 and more"u8));
        Assert.Equal(-1, PublishContent.NumberIn("hello"u8));
    }
}
