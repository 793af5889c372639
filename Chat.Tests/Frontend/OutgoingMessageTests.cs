using Chat.Frontend.Timeline;

namespace Chat.Tests.Frontend;

public sealed class OutgoingMessageTests
{
    private readonly Outbox _outbox = new();
    private readonly DateTimeOffset _start = Events.Noon;

    [Fact]
    public void Nothing_is_said_for_a_second_then_sending_then_not_confirmed()
    {
        var message = _outbox.Add("id", "text", _start)!;
        Assert.Null(message.Note(_start));
        _outbox.Tick(_start.AddMilliseconds(999));
        Assert.Equal(SendState.Fresh, message.State);
        _outbox.Tick(_start.AddSeconds(1));
        Assert.Equal("Sending", message.Note(_start.AddSeconds(1))?.Text);
        _outbox.Tick(_start.AddSeconds(10));
        Assert.Equal("Not confirmed. Sending again is safe.", message.Note(_start.AddSeconds(10))?.Text);
        Assert.Null(message.NextChange(_start.AddSeconds(10)));
    }

    [Fact]
    public void A_late_ack_turns_not_confirmed_into_sent_and_is_final()
    {
        var message = _outbox.Add("id", "text", _start)!;
        _outbox.Tick(_start.AddSeconds(11));
        message.Ack(_start.AddSeconds(12));
        Assert.Equal(SendState.Sent, message.State);
        message.Refuse("no");
        message.LoseTrack();
        message.Wait(_start.AddSeconds(20));
        message.Restart(_start.AddSeconds(20));
        Assert.Equal(SendState.Sent, message.State);
    }

    [Fact]
    public void Sent_is_said_for_two_seconds_and_the_message_leaves_when_its_echo_stands()
    {
        var message = _outbox.Add("id", "text", _start)!;
        message.Ack(_start);
        Assert.Equal("Sent", message.Note(_start)?.Text);
        _outbox.Tick(_start.AddSeconds(2));
        Assert.Null(message.Note(_start.AddSeconds(2)));
        Assert.NotNull(_outbox.Find("id")); // no echo yet: its row is still needed
        message.Echo(_start.AddSeconds(3));
        _outbox.Tick(_start.AddSeconds(3));
        Assert.Null(_outbox.Find("id"));
    }

    [Fact]
    public void A_limit_counts_down_and_goes_by_itself()
    {
        var message = _outbox.Add("id", "text", _start)!;
        message.Wait(_start.AddSeconds(4));
        Assert.Contains("by itself in 4 s", message.Note(_start)!.Text);
        Assert.Contains("by itself in 2 s", message.Note(_start.AddSeconds(2.5))!.Text);
        _outbox.Tick(_start.AddSeconds(4));
        Assert.Equal(SendState.Fresh, message.State);
    }

    [Fact]
    public void A_refusal_keeps_the_text_and_says_why()
    {
        var message = _outbox.Add("id", "text", _start)!;
        message.Refuse("you may not write here.");
        Assert.Equal("Not sent: you may not write here.", message.Note(_start)!.Text);
        Assert.Equal("text", message.Content);
        message.Restart(_start.AddSeconds(30));
        Assert.Equal(SendState.Fresh, message.State);
    }

    [Fact]
    public void The_same_id_is_one_message_and_a_full_outbox_refuses()
    {
        var first = _outbox.Add("id", "text", _start);
        Assert.Same(first, _outbox.Add("id", "text", _start));
        for (var i = 1; i < Outbox.Capacity; i++) Assert.NotNull(_outbox.Add($"id-{i}", "text", _start));
        Assert.Null(_outbox.Add("one too many", "text", _start));
    }
}
