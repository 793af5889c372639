using Chat.LoadTest.Checking;
using Chat.LoadTest.Recording;

namespace Chat.Tests.LoadTest;

/// <summary>What is wrong with what readers saw: each fault is put in by hand, and must be found under its name.</summary>
public sealed class ReaderVerdictTests
{
    private const long Later = 1L << 32;

    [Fact]
    public void An_event_that_a_reader_never_saw_is_found() =>
        Finds(CleanRun.Steps.Where(step => step is not Saw { Event.Seq: 10 }), "reader without an event", "10 (event-10)");

    [Fact]
    public void What_came_before_the_reader_is_not_missed()
    {
        ReaderStep[] steps = [new Subscribed(CleanRun.Room, null, null, "0", 8, true, TimeSpan.Zero), CleanRun.Saw(9), CleanRun.Saw(10)];
        Assert.Empty(Checker.Check(CleanRun.WithSteps(steps)));
    }

    [Fact]
    public void A_late_reader_that_began_with_history_must_have_all_of_it()
    {
        ReaderStep[] steps =
        [
            .. CleanRun.Numbers.Where(seq => seq is <= 8 and not 3).Select(seq => CleanRun.Saw(seq, SightKind.Loaded)),
            new Subscribed(CleanRun.Room, 8, "0", "0", 8, true, TimeSpan.Zero), CleanRun.Saw(9), CleanRun.Saw(10),
        ];
        Finds(steps, "reader without an event", "3 (event-3)");
    }

    [Fact]
    public void Other_bytes_than_in_history_are_found() =>
        Finds(Change(7, sight => sight with { Print = Print.Of("other") }), "reader saw other bytes", "7");

    [Fact]
    public void An_event_that_history_does_not_have_is_found() =>
        Finds(CleanRun.Steps.Append(CleanRun.Saw(11)), "phantom", "event-11");

    [Fact]
    public void A_hole_in_a_stream_is_found_also_when_history_fills_it_later()
    {
        var steps = CleanRun.Steps.Where(step => step is not Saw { Event.Seq: 8 }).Append(CleanRun.Saw(8, SightKind.Loaded));
        Finds(steps, "hole at a reader", "got 9 after 7");
    }

    [Fact]
    public void A_hole_between_the_subscription_and_the_first_event_is_found()
    {
        ReaderStep[] steps = [new Subscribed(CleanRun.Room, null, null, "0", 7, true, TimeSpan.Zero), CleanRun.Saw(9), CleanRun.Saw(10)];
        Finds(steps, "hole at a reader", "got 9 after 7");
    }

    [Fact]
    public void A_resume_that_leaves_something_out_is_found() =>
        Finds(CleanRun.Steps.Where(step => step is not Saw { Event.Seq: 5 }), "hole at a reader", "got 6 after 4");

    [Fact]
    public void An_event_that_comes_twice_is_found()
    {
        var steps = CleanRun.Steps.SelectMany(step => step is Saw { Event.Seq: 5 } ? [step, step] : new[] { step });
        Finds(steps, "stream not ascending", "got 5 after 5");
    }

    [Fact]
    public void An_order_that_goes_back_is_found()
    {
        var steps = CleanRun.Steps.ToList();
        (steps[2], steps[3]) = (steps[3], steps[2]);
        Finds(steps, "stream not ascending", "got 2 after 3");
    }

    [Fact]
    public void A_new_epoch_without_a_resync_is_found()
    {
        var run = NewEpoch([.. CleanRun.Steps, new Saw(CleanRun.Room, CleanRun.Stored(Later, "1").Sight, SightKind.Live, Later, TimeSpan.Zero)]);
        Assert.Contains(Checker.Check(run), v => v.Verdict == "epoch misuse" && v.Detail.Contains("without a resync"));
    }

    [Fact]
    public void A_new_epoch_after_a_resync_is_in_order()
    {
        var run = NewEpoch(
        [
            .. CleanRun.Steps, new ToldToReload(CleanRun.Room, "1", Later, TimeSpan.Zero),
            new Saw(CleanRun.Room, CleanRun.Stored(Later, "1").Sight, SightKind.Loaded, Later, TimeSpan.Zero),
            new Subscribed(CleanRun.Room, Later, "1", "1", Later, true, TimeSpan.Zero),
        ]);
        Assert.Empty(StreamVerdicts.StreamBroken(run));
        Assert.Empty(ReaderVerdicts.ReaderMissed(run));
    }

    [Fact]
    public void A_resume_over_an_epoch_as_if_nothing_had_happened_is_found()
    {
        var steps = CleanRun.Steps.Select(step => step is Subscribed { Since: 4 } resumed ? resumed with { Epoch = "1" } : step);
        Finds(steps, "epoch misuse", "resumed after 4");
    }

    [Fact]
    public void A_reader_that_is_sent_to_history_without_need_is_found()
    {
        var steps = CleanRun.Steps.Select(step => step is Subscribed { Since: 4 } resumed ? resumed with { Recovered = false } : step);
        Finds(steps, "reloaded without need", "follows 4");
    }

    [Fact]
    public void A_long_gap_is_a_need()
    {
        ReaderStep[] steps = [new Subscribed(CleanRun.Room, 4, "0", "0", 1_005, false, TimeSpan.Zero)];
        Assert.Empty(StreamVerdicts.ReloadedWithoutNeed(CleanRun.WithSteps(steps)));
    }

    [Fact]
    public void A_reader_that_is_turned_away_is_found() =>
        Finds(CleanRun.Steps.Append(new TurnedAway(CleanRun.Room, "not_found", TimeSpan.Zero)), "refused", "not_found");

    [Fact]
    public void A_number_that_a_forgetful_Redis_lost_is_allowed_only_then()
    {
        // The reader saw 10, Redis forgot it, and it came again in the next epoch.
        var anew = CleanRun.Stored(10) with { Seq = Later, Epoch = "1" };
        var run = CleanRun.Make() with
        {
            History = CleanRun.Rooms([.. CleanRun.Events.SkipLast(1), anew]),
            Readers = [new ReaderLog("resuming", [.. CleanRun.Steps, new ToldToReload(CleanRun.Room, "1", Later, TimeSpan.Zero), new Saw(CleanRun.Room, anew.Sight, SightKind.Loaded, Later, TimeSpan.Zero)])],
        };
        Assert.Contains(ReaderVerdicts.ReaderDiffersFromHistory(run), v => v.Verdict == "phantom");
        Assert.Empty(ReaderVerdicts.ReaderDiffersFromHistory(run with { RedisForgot = true }));
    }

    private static IEnumerable<ReaderStep> Change(long seq, Func<EventSight, EventSight> change) =>
        CleanRun.Steps.Select(step => step is Saw saw && saw.Event.Seq == seq ? saw with { Event = change(saw.Event) } : step);

    private static RunRecord NewEpoch(IReadOnlyList<ReaderStep> steps) =>
        CleanRun.WithSteps(steps) with { History = CleanRun.Rooms(CleanRun.Events.Append(CleanRun.Stored(Later, "1"))) };

    private static void Finds(IEnumerable<ReaderStep> steps, string verdict, string detail) =>
        Assert.Contains(Checker.Check(CleanRun.WithSteps(steps)), violation => violation.Verdict == verdict && violation.Detail.Contains(detail));
}
