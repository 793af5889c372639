using Chat.Contracts;
using Chat.Realtime.History;

namespace Chat.Tests.History;

/// <summary>Equal reads at the same time: few, and nobody gets what was read before it asked.</summary>
public sealed class EqualReadsTests
{
    private readonly List<(string Key, TaskCompletionSource<int> Answer)> _made = [];
    private readonly EqualReads<string, int> _reads;

    public EqualReadsTests() => _reads = new(key =>
    {
        var answer = new TaskCompletionSource<int>();
        _made.Add((key, answer));
        return answer.Task;
    });

    [Fact]
    public async Task A_thousand_who_ask_the_same_while_it_is_read_share_one_read_that_begins_afterwards()
    {
        var first = Ask("room");
        var others = Enumerable.Range(0, 1_000).Select(_ => Ask("room")).ToList();
        Assert.Single(_made);

        _made[0].Answer.SetResult(1);
        Assert.Equal(1, await first);
        Assert.Equal(2, _made.Count);
        Assert.All(others, other => Assert.False(other.IsCompleted));
        _made[1].Answer.SetResult(2);
        Assert.All(await Task.WhenAll(others), answer => Assert.Equal(2, answer));
        Assert.Equal(2, _made.Count);
    }

    [Fact]
    public async Task Who_asks_something_else_waits_for_nobody()
    {
        var one = Ask("one");
        var other = Ask("other");
        _made[1].Answer.SetResult(2);
        Assert.Equal(2, await other);
        Assert.False(one.IsCompleted);
    }

    [Fact]
    public async Task Who_asks_later_gets_a_read_of_its_own()
    {
        var early = Ask("room");
        _made[0].Answer.SetResult(1);
        await early;
        var late = Ask("room");
        _made[1].Answer.SetResult(2);
        Assert.Equal(2, await late);
    }

    [Fact]
    public async Task A_failure_is_told_to_those_who_shared_it_and_to_nobody_else()
    {
        var first = Ask("room");
        var second = Ask("room");
        _made[0].Answer.SetException(new ChatException(ErrorCodes.Unavailable, "away"));
        await Assert.ThrowsAsync<ChatException>(() => first);
        _made[1].Answer.SetResult(2);
        Assert.Equal(2, await second);
    }

    [Fact]
    public async Task Who_gives_up_ends_nobody_elses_read()
    {
        using var gaveUp = new CancellationTokenSource();
        var leaving = _reads.AskAsync("room", gaveUp.Token);
        var staying = Ask("room");
        await gaveUp.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => leaving);
        _made[0].Answer.SetResult(1);
        _made[1].Answer.SetResult(2);
        Assert.Equal(2, await staying);
    }

    private Task<int> Ask(string key) => _reads.AskAsync(key, TestContext.Current.CancellationToken);
}
