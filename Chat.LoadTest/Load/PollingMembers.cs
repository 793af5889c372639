namespace Chat.LoadTest.Load;

/// <summary>Members who poll.</summary>
internal sealed class PollingMembers(IReadOnlyList<PollingClient> clients) : IMembers
{
    private const int BegunAtOnce = 8;

    private readonly CancellationTokenSource _end = new();
    private Task[] _running = [];

    public long Bytes => clients.Sum(client => client.Bytes);

    public long Requests => clients.Sum(client => client.Requests);

    public long Failures => clients.Sum(client => client.Failures);

    public async Task OpenAsync(Action<int> opened, CancellationToken stop)
    {
        var count = 0;
        await Parallel.ForEachAsync(clients, new ParallelOptions { MaxDegreeOfParallelism = BegunAtOnce, CancellationToken = stop }, async (client, quit) =>
        {
            await client.BeginAsync(quit);
            opened(Interlocked.Increment(ref count));
        });
        _running = [.. clients.Select(client => Task.Run(() => client.RunAsync(_end.Token), CancellationToken.None))];
    }

    public void ThrowIfBroken() => Array.Find(_running, task => task.IsFaulted)?.GetAwaiter().GetResult();

    public async ValueTask DisposeAsync()
    {
        await _end.CancelAsync();
        await Task.WhenAll(_running).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        foreach (var client in clients) client.Dispose();
        _end.Dispose();
    }
}
