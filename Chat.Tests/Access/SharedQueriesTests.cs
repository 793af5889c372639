using Chat.Contracts;
using Chat.Data;

namespace Chat.Tests.Access;

/// <summary>Reads that share a query: few queries, and nobody gets what was read before it asked.</summary>
public sealed class SharedQueriesTests
{
    private readonly List<(string[] Keys, TaskCompletionSource<IReadOnlyDictionary<string, string>> Answer)> _queries = [];
    private readonly SharedQueries<string, string> _reads;

    public SharedQueriesTests() => _reads = new(keys =>
    {
        var answer = new TaskCompletionSource<IReadOnlyDictionary<string, string>>();
        _queries.Add(([.. keys], answer));
        return answer.Task;
    });

    [Fact]
    public async Task Who_asks_during_a_query_shares_the_next_one()
    {
        var first = Ask("a");
        var others = new[] { Ask("b"), Ask("c"), Ask("b") };
        Assert.Equal(["a"], Assert.Single(_queries).Keys);

        Answer(0, ("a", "1"));
        Assert.Equal("1", await first);
        Assert.Equal(2, _queries.Count);
        Assert.Equal(["b", "c"], _queries[1].Keys.Order());
        Answer(1, ("b", "2"));
        Assert.Equal(["2", null, "2"], await Task.WhenAll(others));
    }

    [Fact]
    public async Task Who_asks_for_what_is_being_read_gets_what_is_read_afterwards()
    {
        var before = Ask("a");
        var after = Ask("a");
        Answer(0, ("a", "old"));
        Assert.Equal("old", await before);
        Assert.False(after.IsCompleted);
        Answer(1, ("a", "new"));
        Assert.Equal("new", await after);
    }

    [Fact]
    public async Task A_query_asks_for_so_many_at_most()
    {
        var first = Ask("first");
        var storm = Enumerable.Range(0, 1_200).Select(i => Ask($"{i}")).ToList();
        Answer(0);
        for (var query = 1; query <= 3; query++) Answer(query, [.. _queries[query].Keys.Select(key => (key, key))]);
        Assert.Null(await first);
        Assert.Equal(Enumerable.Range(0, 1_200).Select(i => $"{i}"), await Task.WhenAll(storm));
        Assert.Equal([1, 500, 500, 200], _queries.Select(query => query.Keys.Length));
    }

    [Fact]
    public async Task A_failure_is_told_to_all_who_shared_it_and_to_nobody_else()
    {
        var first = Ask("a");
        var later = Ask("b");
        _queries[0].Answer.SetException(new ChatException(ErrorCodes.Unavailable, "away"));
        await Assert.ThrowsAsync<ChatException>(() => first);
        Answer(1, ("b", "2"));
        Assert.Equal("2", await later);
        var again = Ask("a");
        Answer(2, ("a", "1"));
        Assert.Equal("1", await again);
    }

    [Fact]
    public async Task Who_gives_up_disturbs_nobody()
    {
        using var gaveUp = new CancellationTokenSource();
        var leaving = _reads.FindAsync("a", gaveUp.Token);
        var staying = Ask("b");
        await gaveUp.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => leaving);
        Answer(0, ("a", "1"));
        Answer(1, ("b", "2"));
        Assert.Equal("2", await staying);
    }

    private Task<string?> Ask(string key) => _reads.FindAsync(key, TestContext.Current.CancellationToken);

    private void Answer(int query, params (string Key, string Value)[] found) => _queries[query].Answer.SetResult(found.ToDictionary(one => one.Key, one => one.Value));
}
