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
            await Within(HandshakeAsync());
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
        var join = JoinAsync();
        _time.Advance(Newcomers.Tick);
        await Within(join);
        await BeginAsync(handshakes, 2 * Newcomers.Fewest);
    }

    [Fact]
    public async Task Joins_that_keep_coming_leave_every_fourth_turn_to_the_handshakes()
    {
        Deliver();
        var joins = Enumerable.Range(0, 1_000).Select(_ => JoinAsync()).ToArray();
        await BeginAsync(joins, Newcomers.Fewest);
        var handshakes = Handshakes(100);
        _time.Advance(Newcomers.Tick);
        var begun = Newcomers.Fewest + 1;
        var ofHandshakes = begun / (Newcomers.MostJoinsInARow + 1);
        var ofJoins = Newcomers.Fewest + begun - ofHandshakes;
        await BeginAsync(handshakes, ofHandshakes, othersWaiting: joins.Length - ofJoins);
        await BeginAsync(joins, ofJoins, othersWaiting: handshakes.Length - ofHandshakes);
    }

    [Fact]
    public async Task A_turn_that_has_come_before_it_is_awaited_does_not_go_on_where_it_is_awaited()
    {
        var turn = _newcomers.HandshakeAsync();
        await turn;
        Assert.False(turn.GetAwaiter().IsCompleted);
    }

    [Fact]
    public async Task Who_has_gone_does_not_wait_for_the_turn_to_join()
    {
        Deliver();
        var handshakes = Handshakes(Newcomers.Fewest);
        using var gone = new CancellationTokenSource();
        var join = JoinAsync(gone.Token);
        Assert.Equal(1, _newcomers.Waiting);
        await gone.CancelAsync();
        await Assert.ThrowsAsync<TaskCanceledException>(() => Within(join));
        await Within(Task.WhenAll(handshakes));
    }

    [Fact]
    public async Task Messages_of_long_ago_hold_nobody_up()
    {
        Deliver();
        _time.Advance(TimeSpan.FromSeconds(1));
        await Within(Task.WhenAll(Handshakes(500)));
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

    private Task[] Handshakes(int count) => [.. Enumerable.Range(0, count).Select(_ => HandshakeAsync())];

    private async Task HandshakeAsync() => await _newcomers.HandshakeAsync();

    private async Task JoinAsync(CancellationToken cancellationToken = default) => await _newcomers.JoinAsync(cancellationToken);

    private void Deliver() => _metrics.Delivered(1, 1, _time.GetUtcNow());

    // The first so many, and nobody else is taken out of the line.
    private async Task BeginAsync(Task[] turns, int count, int othersWaiting = 0)
    {
        Assert.Equal(turns.Length - count + othersWaiting, _newcomers.Waiting);
        await Within(Task.WhenAll(turns[..count]));
    }

    private static Task Within(Task task) => task.WaitAsync(Until.Patience);
}
