using Chat.Contracts;
using Chat.Data.Numbering;
using Chat.Realtime.Fanout;

namespace Chat.Tests.Realtime;

/// <summary>Who hands out what arrives at a room.</summary>
public sealed class ArrivalsTests
{
    private readonly Arrivals _arrivals = new(maxCount: 3, maxBytes: 100);

    [Fact]
    public void The_first_to_bring_events_hands_out_also_what_others_bring_until_nothing_is_left()
    {
        Assert.True(_arrivals.Add([Frame(1)]));
        Assert.False(_arrivals.Add([Frame(2)]));
        Assert.Equal([1L, 2L], Take());
        Assert.False(_arrivals.Add([Frame(3)]));
        Assert.Equal([3L], Take());
        Assert.False(_arrivals.TryTake(out _, out _));
        Assert.True(_arrivals.Add([Frame(4)]));
    }

    [Theory]
    [InlineData(4, 1)]
    [InlineData(2, 60)]
    public void What_is_beyond_a_bound_is_let_go_and_that_is_told(int count, int bytes)
    {
        _arrivals.Add([.. Enumerable.Range(1, count).Select(seq => Frame(seq, bytes))]);
        Assert.True(_arrivals.TryTake(out var frames, out var lostSome));
        Assert.Equal(count - 1, frames.Count);
        Assert.True(lostSome);
        _arrivals.Add([Frame(count)]);
        Assert.True(_arrivals.TryTake(out _, out lostSome));
        Assert.False(lostSome);
    }

    [Fact]
    public void An_event_that_is_beyond_the_bounds_by_itself_is_told_as_let_go()
    {
        Assert.True(_arrivals.Add([Frame(1, bytes: 101)]));
        Assert.True(_arrivals.TryTake(out var frames, out var lostSome));
        Assert.Empty(frames);
        Assert.True(lostSome);
    }

    private IEnumerable<long> Take()
    {
        Assert.True(_arrivals.TryTake(out var frames, out _));
        return frames.Select(frame => frame.Event.Seq);
    }

    private static RoomFrame Frame(long seq, int bytes = 1) => new(new NumberedEvent(seq, 0, new byte[bytes]), 0);
}
