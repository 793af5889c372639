using Chat.Realtime;
using Microsoft.Extensions.Time.Testing;

namespace Chat.Tests.Realtime;

public sealed class BusyTickTests : IDisposable
{
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(250);
    private readonly FakeTimeProvider _time = new();
    private readonly BusyTick _tick;

    public BusyTickTests() => _tick = new BusyTick(Interval, _time);

    public void Dispose() => _tick.Dispose();

    [Fact]
    public void Without_work_there_is_no_tick()
    {
        _time.Advance(10 * Interval);
        Assert.False(_tick.IsDue);
    }

    [Fact]
    public void Work_is_done_an_interval_after_it_came()
    {
        _tick.Begin();
        _time.Advance(Interval - TimeSpan.FromMilliseconds(1));
        Assert.False(_tick.IsDue);
        _time.Advance(TimeSpan.FromMilliseconds(1));
        Assert.True(_tick.IsDue);
    }

    [Fact]
    public async Task Work_that_comes_many_times_in_an_interval_is_one_tick()
    {
        for (var i = 0; i < 10; i++)
        {
            _tick.Begin();
            _time.Advance(Interval / 20);
        }
        _time.Advance(Interval);
        await NextAsync();
        _time.Advance(10 * Interval);
        Assert.False(_tick.IsDue);
    }

    [Fact]
    public async Task Work_that_comes_after_a_tick_has_one_of_its_own()
    {
        for (var i = 0; i < 3; i++)
        {
            Assert.False(_tick.IsDue);
            _tick.Begin();
            _time.Advance(Interval);
            await NextAsync();
        }
    }

    [Fact]
    public async Task What_cannot_wait_is_done_at_once_and_what_comes_after_it_an_interval_later()
    {
        _tick.Begin();
        _time.Advance(Interval / 2);
        _tick.Now();
        await NextAsync();
        _tick.Begin();
        _time.Advance(Interval - TimeSpan.FromMilliseconds(1));
        Assert.False(_tick.IsDue);
        _time.Advance(TimeSpan.FromMilliseconds(1));
        Assert.True(_tick.IsDue);
    }

    [Fact]
    public async Task Nobody_waits_longer_than_asked_for() =>
        await _tick.NextAsync(TimeSpan.FromMilliseconds(1), TestContext.Current.CancellationToken).WaitAsync(Until.Patience);

    private Task NextAsync() => _tick.NextAsync(Timeout.InfiniteTimeSpan, TestContext.Current.CancellationToken).WaitAsync(Until.Patience);
}
