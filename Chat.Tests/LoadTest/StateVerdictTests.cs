using Chat.Contracts;
using Chat.LoadTest.Checking;
using Chat.LoadTest.Recording;

namespace Chat.Tests.LoadTest;

/// <summary>What is wrong with edits, deletions and reactions: each fault is put in by hand, and must be found under its name.</summary>
public sealed class StateVerdictTests
{
    [Fact]
    public void A_run_with_changes_and_without_a_fault_is_clean() => Assert.Empty(Checker.Check(ChangedRun.Make()));

    [Fact]
    public void An_edit_that_history_does_not_show_is_found() => FindsInHistory(1, e => e with { Content = "one", EditedAt = null });

    [Fact]
    public void An_older_edit_in_history_is_found() => FindsInHistory(1, e => e with { Content = "one a", EditedAt = "time 2" });

    [Fact]
    public void An_edit_with_another_time_is_found() => FindsInHistory(1, e => e with { EditedAt = "time 2" });

    [Fact]
    public void A_deleted_message_that_still_has_content_is_found() => FindsInHistory(6, e => e with { Content = "two" });

    [Fact]
    public void A_deleted_message_that_does_not_say_so_is_found() => FindsInHistory(6, e => e with { DeletedAt = null });

    [Fact]
    public void A_message_that_only_looks_deleted_is_found() => FindsInHistory(1, e => e with { Content = null, EditedAt = null, DeletedAt = "time 9" });

    [Fact]
    public void An_edit_that_shows_what_was_deleted_is_found() => FindsInHistory(8, e => e with { Content = "two a" });

    [Fact]
    public void Data_with_other_words_than_were_sent_is_found() => FindsInHistory(10, e => e with { Content = "other" });

    [Fact]
    public void A_message_without_content_although_nothing_deleted_it_is_found() => FindsInHistory(1, e => e with { Content = null });

    [Theory]
    [InlineData("left out", null)]
    [InlineData("[]", "")]
    [InlineData("[1× + by ann", "+")]
    [InlineData("[1× ! by ann and me, 1× + by ann and me]", "!+")]
    public void Reactions_that_are_not_those_of_the_log_are_found(string told, string? reactions)
    {
        var seen = reactions?.Select(emoji => new ReactionSeen($"{emoji}", 1, true, ["ann"])).ToArray();
        Finds(View(1, e => e with { Reactions = seen }), "state differs", told);
    }

    [Fact]
    public void A_reaction_of_somebody_else_is_found() =>
        Finds(View(1, e => e with { Reactions = [new ReactionSeen("!", 1, false, ["bob"])] }), "state differs", "! by bob");

    [Fact]
    public void A_reaction_that_is_said_to_be_ones_own_is_found() =>
        Finds(View(1, e => e with { Reactions = [new ReactionSeen("!", 1, false, ["ann"])] }), "state differs", "! by ann");

    [Fact]
    public void A_node_that_shows_another_state_is_found() =>
        Finds(View(1, e => e with { Content = "one", EditedAt = null }), "state differs", "ann over node 1");

    [Fact]
    public void A_node_that_shows_an_event_less_is_found()
    {
        var run = ChangedRun.Make();
        var view = run.Views[0] with { Events = [.. run.Views[0].Events.SkipLast(1)] };
        Finds(run with { Views = [view] }, "views differ", "ann over node 1 sees 9");
    }

    [Fact]
    public void A_node_that_shows_another_event_is_found() => Finds(View(3, e => e with { EventId = "other" }), "views differ", "3 (event-3)");

    [Fact]
    public void A_live_event_that_was_changed_is_found() => Finds(Saw("live", 1, ChangedRun.Final(1)), "state differs", "live (Live");

    [Fact]
    public void A_resume_without_an_edit_that_came_with_it_is_found() =>
        Finds(Saw("resuming", 1, ChangedRun.Raw(1) with { Content = "one a", EditedAt = "time 2" }), "state differs", "resuming (Recovered");

    [Fact]
    public void A_resume_that_shows_what_was_deleted_is_found()
    {
        Finds(Saw("resuming", 6, ChangedRun.Raw(6)), "state differs", "6 (event-6");
        Finds(Saw("resuming", 8, ChangedRun.Raw(8)), "state differs", "8 (event-8");
    }

    [Fact]
    public void A_page_with_an_edit_that_came_before_its_end_left_out_is_found() => Finds(Saw("loading", 1, ChangedRun.Raw(1)), "state differs", "loading (Loaded, as of 5)");

    [Fact]
    public void A_page_may_show_what_happened_after_its_end()
    {
        // The first page of another reader ended before both edits and was read after one or both of them.
        foreach (var seen in new[] { ChangedRun.Raw(1), ChangedRun.Raw(1) with { Content = "one a", EditedAt = "time 2" }, ChangedRun.Final(1) })
            Assert.Empty(StateVerdicts.ReaderSawOtherState(Saw("loading", 1, seen, asOf: 1)));
        Assert.NotEmpty(StateVerdicts.ReaderSawOtherState(Saw("loading", 1, ChangedRun.Raw(1) with { Content = "never sent" }, asOf: 1)));
    }

    [Fact]
    public void A_row_that_was_changed_is_found() =>
        Finds(ChangedRun.Make() with { Postgres = ChangedRun.Rooms(ChangedRun.Numbers.Select(seq => seq == 1 ? ChangedRun.Final(1) : ChangedRun.Raw(seq))) }, "Postgres differs", "1 (event-1) has content");

    [Fact]
    public void A_change_of_another_message_than_was_meant_is_found() => Finds(History(2, e => e with { TargetId = "event-6" }), "phantom", "of event-6");

    [Fact]
    public void Two_reactions_of_one_client_id_are_found() =>
        Finds(ChangedRun.Make() with { History = ChangedRun.Rooms(ChangedRun.Numbers.Select(ChangedRun.Final).Append(ChangedRun.Raw(4) with { Seq = 11, EventId = "other" })) }, "duplicate", "4 (event-4) and 11 (other)");

    [Fact]
    public void An_edit_that_was_acked_and_is_not_in_history_is_found() =>
        Finds(ChangedRun.Make() with { History = ChangedRun.Rooms(ChangedRun.Numbers.Where(seq => seq != 5).Select(ChangedRun.Final)) }, "acked but missing", "c5");

    [Fact]
    public void A_change_may_be_refused_once_the_deletion_of_its_message_was_tried()
    {
        var run = Refused(failedAt: 9.2);
        Assert.Empty(AckVerdicts.Refused(run));
        Assert.Empty(AckVerdicts.Unanswered(run));
        Assert.NotEmpty(AckVerdicts.Refused(Refused(failedAt: 8.9)));
        Assert.NotEmpty(AckVerdicts.Unanswered(Refused(failedAt: 8.9)));
    }

    [Fact]
    public void A_repeat_of_a_change_that_was_acked_before_is_never_refused()
    {
        var failure = new SendFailure(ChangedRun.Key(8), ErrorCodes.NotFound, "node 2", ChangedRun.At(10), ChangedRun.At(11));
        Finds(ChangedRun.Make() with { Failures = [failure] }, "refused", "c8");
    }

    [Fact]
    public void A_change_that_was_begun_after_the_deletion_had_its_ack_is_found()
    {
        var run = ChangedRun.Make();
        // 8 was first sent when 9 had its ack.
        var attempts = run.Attempts.Select(attempt => attempt.Operation == ChangedRun.Key(8) ? attempt with { At = ChangedRun.At(9.7) } : attempt);
        Finds(run with { Attempts = [.. attempts] }, "changed after deletion", "c8");
    }

    private static RunRecord Refused(double failedAt)
    {
        var run = ChangedRun.Make();
        var late = new OperationKey("ann", ChangedRun.Room, "late");
        var attempt = new SendAttempt(late, new Wish(EventTypes.MessageEdited, "too late", ChangedRun.Id(6)), "node 1", 1, ChangedRun.At(8.5));
        return run with { Attempts = [.. run.Attempts, attempt], Failures = [new SendFailure(late, ErrorCodes.NotFound, "node 1", ChangedRun.At(8.5), ChangedRun.At(failedAt))] };
    }

    private static RunRecord History(long seq, Func<StoredEvent, StoredEvent> change) =>
        ChangedRun.Make() with { History = ChangedRun.Rooms(ChangedRun.Numbers.Select(n => n == seq ? change(ChangedRun.Final(n)) : ChangedRun.Final(n))) };

    private static RunRecord View(long seq, Func<StoredEvent, StoredEvent> change)
    {
        var run = ChangedRun.Make();
        var view = run.Views[0] with { Events = [.. run.Views[0].Events.Select(e => e.Seq == seq ? change(e) : e)] };
        return run with { Views = [view, .. run.Views.Skip(1)] };
    }

    private static RunRecord Saw(string reader, long seq, StoredEvent seen, long? asOf = null)
    {
        var run = ChangedRun.Make();
        return run with
        {
            Readers = [.. run.Readers.Select(log => log.Name != reader ? log : log with
            {
                Steps = [.. log.Steps.Select(step => step is Saw saw && saw.Event.Seq == seq ? saw with { Event = seen.Sight, AsOf = asOf ?? saw.AsOf } : step)],
            })],
        };
    }

    private static void FindsInHistory(long seq, Func<StoredEvent, StoredEvent> change) => Finds(History(seq, change), "state differs", $"{seq} (event-{seq}");

    private static void Finds(RunRecord run, string verdict, string detail) =>
        Assert.Contains(Checker.Check(run), violation => violation.Verdict == verdict && violation.Detail.Contains(detail));
}
