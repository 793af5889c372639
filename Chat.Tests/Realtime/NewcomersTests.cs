using System.Diagnostics.Metrics;
using Chat.Realtime;
using Chat.Realtime.Connections;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Time.Testing;

namespace Chat.Tests.Realtime;

/// <summary>Who comes in when many do at once. Ticks come when the test says so; turns are taken on the real pool.</summary>
public sealed class NewcomersTests : IDisposable
{
    private static readonly TimeSpan Late = 4 * Newcomers.Tick;

    private readonly ServiceProvider _services = new ServiceCollection().AddMetrics().BuildServiceProvider();
    private readonly FakeTimeProvider _time = new();
    private readonly NodeMetrics _metrics;
    private readonly Newcomers _newcomers;

    public NewcomersTests()
    {
        _metrics = new NodeMetrics(_services.GetRequiredService<IMeterFactory>());
        _newcomers = new Newcomers(_metrics, _time);
    }

    public void Dispose()
    {
        _newcomers.Dispose();
        _metrics.Dispose();
        _services.Dispose();
    }

    [Fact]
    public async Task While_no_messages_flow_nobody_waits_for_a_tick() => await Within(Task.WhenAll(Handshakes(500)));

    [Fact]
    public async Task While_messages_flow_some_begin_at_each_tick_and_more_from_tick_to_tick()
    {
        Deliver();
        var turns = Handshakes(100);
        await BeginAsync(turns, Newcomers.Fewest);
        _time.Advance(Newcomers.Tick);
        await BeginAsync(turns, 2 * Newcomers.Fewest + 1);
        _time.Advance(Newcomers.Tick);
        await BeginAsync(turns, 3 * Newcomers.Fewest + 1 + 2);
    }

    [Fact]
    public async Task Who_comes_alone_begins_at_once_also_while_messages_flow()
    {
        Deliver();
        for (var i = 0; i < 3 * Newcomers.Fewest; i++)
        {
            await Within(_newcomers.HandshakeAsync());
            _time.Advance(Newcomers.Tick);
        }
    }

    [Fact]
    public async Task A_late_tick_halves_how_many_begin_but_never_below_the_fewest()
    {
        Deliver();
        var turns = Handshakes(3_000);
        var begun = Newcomers.Fewest;
        await BeginAsync(turns, begun);
        for (var i = 1; i <= 40; i++)
        {
            _time.Advance(Newcomers.Tick);
            await BeginAsync(turns, begun += Newcomers.Fewest + i);
        }
        _time.Advance(Late);
        await BeginAsync(turns, begun += (Newcomers.Fewest + 40) / 2);
        _time.Advance(Late);
        await BeginAsync(turns, begun += (Newcomers.Fewest + 40) / 4);
        _time.Advance(Late);
        await BeginAsync(turns, begun + Newcomers.Fewest);
    }

    [Fact]
    public async Task Joins_begin_before_handshakes_that_came_earlier()
    {
        Deliver();
        var handshakes = Handshakes(100);
        await BeginAsync(handshakes, Newcomers.Fewest);
        var join = _newcomers.JoinAsync();
        _time.Advance(Newcomers.Tick);
        await Within(join);
        await BeginAsync(handshakes, 2 * Newcomers.Fewest);
    }

    [Fact]
    public async Task Joins_that_keep_coming_leave_every_fourth_turn_to_the_handshakes()
    {
        Deliver();
        var joins = Enumerable.Range(0, 1_000).Select(_ => _newcomers.JoinAsync()).ToArray();
        await BeginAsync(joins, Newcomers.Fewest);
        var handshakes = Handshakes(100);
        _time.Advance(Newcomers.Tick);
        var begun = Newcomers.Fewest + 1;
        var ofHandshakes = begun / (Newcomers.MostJoinsInARow + 1);
        await BeginAsync(handshakes, ofHandshakes);
        await BeginAsync(joins, Newcomers.Fewest + begun - ofHandshakes);
    }

    [Fact]
    public async Task When_the_messages_have_ceased_those_who_still_wait_begin_at_once()
    {
        Deliver();
        var turns = Handshakes(1_000);
        await BeginAsync(turns, Newcomers.Fewest);
        _time.Advance(TimeSpan.FromSeconds(1));
        await Within(Task.WhenAll(turns));
    }

    private Task[] Handshakes(int count) => [.. Enumerable.Range(0, count).Select(_ => _newcomers.HandshakeAsync())];

    private void Deliver() => _metrics.Delivered(1, 1, _time.GetUtcNow());

    // What is not among the first has not been taken out of the line, and cannot begin before the next tick.
    private static async Task BeginAsync(Task[] turns, int count)
    {
        await Within(Task.WhenAll(turns[..count]));
        Assert.DoesNotContain(turns[count..], turn => turn.IsCompleted);
    }

    private static Task Within(Task task) => task.WaitAsync(Until.Patience);
}
