using Chat.LoadTest.Crowds;
using Chat.LoadTest.Recording;

namespace Chat.Tests.LoadTest;

public sealed class OpeningTurnsTests
{
    [Fact]
    public void Who_opens_alone_waits_for_nobody() => Assert.Equal(TimeSpan.Zero, new OpeningTurns(new RunClock()).Take());

    [Fact]
    public void A_thousand_that_lose_their_connections_in_one_moment_open_them_one_after_the_other()
    {
        const int Clients = 1_000;
        var clock = new RunClock();
        var turns = new OpeningTurns(clock);
        var began = clock.Now;
        TimeSpan[] at = [.. Enumerable.Range(0, Clients).Select(_ => turns.Take() + clock.Now)];
        // Each turn is told before the moment is read that it is added to, so none seems too early.
        Assert.All(Enumerable.Range(0, Clients), i => Assert.True(at[i] >= began + i * OpeningTurns.Apart));
    }

    [Fact]
    public async Task Turns_that_nobody_took_are_not_made_up_for()
    {
        var clock = new RunClock();
        var turns = new OpeningTurns(clock);
        turns.Take();
        while (clock.Now < 10 * OpeningTurns.Apart) await Task.Yield();
        var now = clock.Now;
        Assert.Equal(TimeSpan.Zero, turns.Take());
        Assert.True(turns.Take() + clock.Now >= now + OpeningTurns.Apart);
    }
}
