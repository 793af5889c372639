using Chat.LoadTest.Crowds;

namespace Chat.Tests.LoadTest;

public sealed class OpeningTurnsTests
{
    private static readonly TimeSpan Noon = TimeSpan.FromHours(12);

    private readonly OpeningTurns _turns = new();

    [Fact]
    public void Who_opens_alone_waits_for_nobody() => Assert.Equal(TimeSpan.Zero, _turns.Take(Noon));

    [Fact]
    public void Those_who_lose_their_connections_in_one_moment_open_them_one_after_the_other() =>
        Assert.Equal(Enumerable.Range(0, 5_000).Select(i => i * OpeningTurns.Apart), Enumerable.Range(0, 5_000).Select(_ => _turns.Take(Noon)));

    [Fact]
    public void Turns_that_nobody_took_are_not_made_up_for()
    {
        _turns.Take(Noon);
        var later = Noon + 10 * OpeningTurns.Apart;
        Assert.Equal([TimeSpan.Zero, OpeningTurns.Apart], [_turns.Take(later), _turns.Take(later)]);
    }
}
