using Chat.LocalKafka.Server;

namespace Chat.Tests.LocalKafka;

public class MemoryBudgetTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    [Fact]
    public async Task Who_asks_for_more_than_is_left_waits_in_line_and_nobody_overtakes()
    {
        var budget = new MemoryBudget(100);
        var first = await budget.TakeAsync(60, CancellationToken.None);
        var large = budget.TakeAsync(80, CancellationToken.None).AsTask();
        var small = budget.TakeAsync(10, CancellationToken.None).AsTask();
        Assert.False(large.IsCompleted || small.IsCompleted);

        first.Dispose();
        first.Dispose(); // Gives back once.

        using var second = await large.WaitAsync(Patience);
        using var third = await small.WaitAsync(Patience);
        Assert.False(budget.TakeAsync(20, CancellationToken.None).IsCompleted);
    }

    [Fact]
    public async Task Giving_up_lets_the_next_in_line_through()
    {
        var budget = new MemoryBudget(100);
        using var held = await budget.TakeAsync(60, CancellationToken.None);
        using var patience = new CancellationTokenSource();
        var large = budget.TakeAsync(80, patience.Token).AsTask();
        var small = budget.TakeAsync(30, CancellationToken.None).AsTask();

        await patience.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => large.WaitAsync(Patience));
        await small.WaitAsync(Patience);
    }

    [Fact]
    public async Task What_was_not_needed_is_given_back()
    {
        var budget = new MemoryBudget(100);
        using var lease = await budget.TakeAsync(1000, CancellationToken.None); // All there is.
        using var kept = lease.Keep(40);
        using var rest = await budget.TakeAsync(60, CancellationToken.None).AsTask().WaitAsync(Patience);
        await rest.GrowAsync(0, CancellationToken.None);
        Assert.False(budget.TakeAsync(1, CancellationToken.None).IsCompleted);
    }
}
