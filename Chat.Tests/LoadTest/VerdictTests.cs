using Chat.Contracts;
using Chat.LoadTest.Checking;
using Chat.LoadTest.Recording;

namespace Chat.Tests.LoadTest;

/// <summary>What is wrong with acks and with history: each fault is put in by hand, and must be found under its name.</summary>
public sealed class VerdictTests
{
    private const long Later = 1L << 32;

    [Fact]
    public void A_run_without_a_fault_is_clean() => Assert.Empty(Checker.Check(CleanRun.Make()));

    [Fact]
    public void A_message_that_was_acked_and_is_not_in_history_is_found()
    {
        var run = CleanRun.Make() with { History = CleanRun.Rooms(CleanRun.Events.Where(e => e.Seq != 10)) };
        Finds(run, "acked but missing", "c10");
    }

    [Fact]
    public void A_message_that_nobody_sent_is_found() =>
        Finds(CleanRun.Make() with { Attempts = [.. CleanRun.Numbers.Where(seq => seq != 5).Select(CleanRun.Attempt)] }, "phantom", "c5");

    [Fact]
    public void A_message_with_other_words_than_were_sent_is_found() =>
        Finds(Replace(5, e => e with { Content = "other" }), "state differs", "5 (event-5, chat_message)");

    [Fact]
    public void An_event_of_another_kind_than_was_sent_is_found() =>
        Finds(Replace(5, e => e with { EventType = EventTypes.DataUpdate }), "phantom", "sent as chat_message");

    [Fact]
    public void A_member_who_joined_twice_is_found()
    {
        StoredEvent Join(long seq) => CleanRun.Stored(seq) with { EventType = EventTypes.UserJoin, ClientId = null, Content = null };
        Finds(CleanRun.Make() with { History = CleanRun.Rooms([.. CleanRun.Events, Join(11), Join(13)]) }, "duplicate", "bob joined as 11");
    }

    [Fact]
    public void Two_events_of_one_client_id_are_found()
    {
        var again = CleanRun.Stored(11, id: "other") with { SenderId = CleanRun.Key(5).SenderId, ClientId = "c5", Content = "text 5" };
        Finds(CleanRun.Make() with { History = CleanRun.Rooms(CleanRun.Events.Append(again)) }, "duplicate", "5 (event-5) and 11 (other)");
    }

    [Fact]
    public void One_event_at_two_numbers_is_found() =>
        Finds(CleanRun.Make() with { History = CleanRun.Rooms(CleanRun.Events.Append(CleanRun.Stored(11, id: "event-5"))) }, "duplicate", "event-5");

    [Fact]
    public void Two_events_at_one_number_in_history_are_found() =>
        Finds(CleanRun.Make() with { History = CleanRun.Rooms(CleanRun.Events.Append(CleanRun.Stored(10, id: "other"))) }, "duplicate", "10 is there 2 times");

    [Fact]
    public void A_number_that_a_reader_saw_on_another_event_is_found()
    {
        var steps = CleanRun.Steps.Select(step => step is Saw { Event.Seq: 7 } saw ? saw with { Event = saw.Event with { EventId = "other" } } : step);
        Finds(CleanRun.WithSteps(steps), "duplicate", "7 is event-7");
    }

    [Fact]
    public void A_hole_is_found()
    {
        var history = CleanRun.Events.Where(e => e.Seq != 5);
        Finds(CleanRun.Make() with { History = CleanRun.Rooms(history) }, "hole", "between 4 and 6");
    }

    [Fact]
    public void A_missing_beginning_is_found() =>
        Finds(CleanRun.Make() with { History = CleanRun.Rooms(CleanRun.Events.Skip(1)) }, "hole", "begins at 2");

    [Fact]
    public void A_room_whose_first_event_came_in_a_later_epoch_begins_there()
    {
        var run = CleanRun.Make() with { History = CleanRun.Rooms([CleanRun.Stored(Later + 1, "1")]) };
        Assert.Empty(HistoryVerdicts.Hole(run));
        Finds(run with { Acks = [CleanRun.Ack(5) with { Epoch = "1", At = TimeSpan.Zero }], Readers = [] }, "hole", "begins at 4294967297");
    }

    [Fact]
    public void Numbers_that_skip_where_an_epoch_begins_are_none() =>
        Assert.Empty(HistoryVerdicts.Hole(CleanRun.Make() with { History = CleanRun.Rooms(CleanRun.Events.Append(CleanRun.Stored(Later, "1"))) }));

    [Fact]
    public void An_epoch_that_comes_back_is_found()
    {
        var history = CleanRun.Events.Append(CleanRun.Stored(Later, "1")).Append(CleanRun.Stored(Later + 1, "0"));
        Finds(CleanRun.Make() with { History = CleanRun.Rooms(history) }, "epoch misuse", "came back");
    }

    [Fact]
    public void A_number_in_two_epochs_is_found()
    {
        var ack = CleanRun.Ack(5) with { Epoch = "1" };
        Finds(CleanRun.Make() with { Acks = [.. CleanRun.Make().Acks, ack], RedisForgot = true }, "epoch misuse", "5 is event-5");
    }

    [Fact]
    public void An_ack_with_another_number_than_history_is_found() =>
        Finds(CleanRun.Make() with { Acks = [CleanRun.Ack(5) with { Seq = 4 }] }, "ack differs from history", "acked as 4");

    [Fact]
    public void An_ack_with_somebody_elses_event_is_found() =>
        Finds(CleanRun.Make() with { Acks = [CleanRun.Ack(5) with { EventId = "event-6", Seq = 6 }] }, "ack differs from history", "which is c6 of ann");

    [Fact]
    public void A_new_number_in_a_later_epoch_is_allowed_only_where_Redis_forgot()
    {
        var moved = CleanRun.Rooms([.. CleanRun.Events.SkipLast(1), CleanRun.Stored(10) with { Seq = Later, Epoch = "1" }]);
        Finds(CleanRun.Make() with { History = moved }, "ack differs from history", "c10");
        Assert.Empty(AckVerdicts.AckDiffersFromHistory(CleanRun.Make() with { History = moved, RedisForgot = true }));
    }

    [Fact]
    public void A_repeated_send_with_another_ack_is_found() =>
        Finds(CleanRun.Make() with { Acks = [.. CleanRun.Make().Acks, CleanRun.Ack(5) with { Seq = 6, Route = "node 2" }] }, "acks disagree", "node 2");

    [Fact]
    public void A_message_that_never_gets_an_ack_is_found() =>
        Finds(CleanRun.Make() with { Acks = [.. CleanRun.Make().Acks.Skip(1)] }, "never acked", "c1");

    [Fact]
    public void A_refusal_that_is_no_invitation_to_repeat_is_found()
    {
        Finds(CleanRun.Make() with { Failures = [new SendFailure(CleanRun.Key(5), ErrorCodes.Forbidden, "node 1", TimeSpan.Zero, TimeSpan.Zero)] }, "refused", "forbidden");
        Assert.Empty(AckVerdicts.Refused(CleanRun.Make() with { Failures = [new SendFailure(CleanRun.Key(5), ErrorCodes.Unavailable, "node 1", TimeSpan.Zero, TimeSpan.Zero)] }));
    }

    [Fact]
    public void A_message_that_stands_before_one_whose_ack_was_seen_is_found()
    {
        // 6 was first sent when 7 had its ack already.
        var attempts = CleanRun.Numbers.Select(seq => CleanRun.Attempt(seq) with { At = seq == 6 ? CleanRun.Sent(8) : CleanRun.Sent(seq) });
        Finds(CleanRun.Make() with { Attempts = [.. attempts] }, "reordered", "c6 of ann");
    }

    [Fact]
    public void Messages_under_way_at_once_may_have_any_order()
    {
        // 6 and 7 by different senders, both sent before either had its ack.
        var attempts = CleanRun.Numbers.Select(seq => CleanRun.Attempt(seq) with { At = seq == 7 ? CleanRun.Sent(6) - TimeSpan.FromMilliseconds(1) : CleanRun.Sent(seq) });
        Assert.Empty(OrderVerdicts.EarlierThanAnAckedOne(CleanRun.Make() with { Attempts = [.. attempts] }));
    }

    [Fact]
    public void A_pipeline_that_was_reordered_is_found()
    {
        // Of one sender, on one connection, one right after the other.
        var attempts = CleanRun.Numbers.Select(seq => CleanRun.Attempt(seq) with { At = seq == 8 ? CleanRun.Sent(6) - TimeSpan.FromMilliseconds(1) : CleanRun.Sent(seq) });
        var violation = Assert.Single(OrderVerdicts.PipelineReordered(CleanRun.Make() with { Attempts = [.. attempts] }));
        Assert.Equal("reordered", violation.Verdict);
        Assert.Contains("c8 of ann", violation.Detail);
    }

    [Fact]
    public void A_message_that_needed_a_second_try_may_stand_behind_the_next_one()
    {
        var attempts = CleanRun.Numbers.Select(seq => CleanRun.Attempt(seq) with { At = seq == 8 ? CleanRun.Sent(6) - TimeSpan.FromMilliseconds(1) : CleanRun.Sent(seq) });
        Assert.Empty(OrderVerdicts.PipelineReordered(CleanRun.Make() with { Attempts = [.. attempts, CleanRun.Attempt(8)] }));
    }

    [Fact]
    public void A_row_that_Postgres_lacks_is_found() =>
        Finds(CleanRun.Make() with { Postgres = CleanRun.Rooms(CleanRun.Events.SkipLast(1)) }, "Postgres differs", "10 (event-10) is in history and not in Postgres");

    [Fact]
    public void A_row_that_only_Postgres_has_is_found() =>
        Finds(CleanRun.Make() with { Postgres = CleanRun.Rooms(CleanRun.Events.Append(CleanRun.Stored(11))) }, "Postgres differs", "11 (event-11) is in Postgres");

    [Fact]
    public void A_row_with_other_bytes_is_found() =>
        Finds(CleanRun.Make() with { Postgres = CleanRun.Rooms(CleanRun.Events.Select(e => e.Seq == 5 ? e with { Print = Print.Of("other") } : e)) }, "Postgres differs", "other bytes");

    private static RunRecord Replace(long seq, Func<StoredEvent, StoredEvent> change) =>
        CleanRun.Make() with { History = CleanRun.Rooms(CleanRun.Events.Select(e => e.Seq == seq ? change(e) : e)) };

    private static void Finds(RunRecord run, string verdict, string detail) =>
        Assert.Contains(Checker.Check(run), violation => violation.Verdict == verdict && violation.Detail.Contains(detail));
}
