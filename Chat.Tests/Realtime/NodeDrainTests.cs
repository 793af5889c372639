using Chat.Realtime.Connections;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Time.Testing;

namespace Chat.Tests.Realtime;

public sealed class NodeDrainTests
{
    private readonly LookedAtTime _time = new();
    private readonly DrainState _state = new();

    [Fact]
    public async Task A_drain_looks_again_while_a_transport_writes_and_ends_when_it_has_ended()
    {
        _state.EnterTransport();
        var draining = DrainAsync();
        for (var looks = 1; looks <= 3; looks++)
        {
            await Until.TrueAsync(() => _time.Timers == looks, $"look {looks}");
            _time.Advance(TimeSpan.FromMilliseconds(25));
        }
        await Until.TrueAsync(() => _time.Timers == 4, "look 4");
        _state.LeaveTransport();
        _time.Advance(TimeSpan.FromMilliseconds(25));
        await draining.WaitAsync(Until.Patience);
    }

    [Fact]
    public async Task A_drain_does_not_wait_for_a_transport_that_never_ends()
    {
        _state.EnterTransport();
        var draining = DrainAsync();
        await Until.TrueAsync(() => _time.Timers == 1, "the first look");
        _time.Advance(new ConnectionOptions().CloseTimeout);
        await draining.WaitAsync(Until.Patience);
    }

    private Task DrainAsync() => new Drain(
        _state, new ConnectionRegistry(), Options.Create(new DrainOptions()), Options.Create(new ConnectionOptions()), _time, NullLogger<Drain>.Instance)
        .StoppingAsync(TestContext.Current.CancellationToken);

    /// <summary>Counts the timers: each look of the drain begins one.</summary>
    private sealed class LookedAtTime : FakeTimeProvider
    {
        private int _timers;

        public int Timers => Volatile.Read(ref _timers);

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
        {
            var timer = base.CreateTimer(callback, state, dueTime, period);
            Interlocked.Increment(ref _timers);
            return timer;
        }
    }
}
