using Chat.Tests.Realtime;

namespace Chat.Tests.Epochs;

/// <summary>Several chains at once, in different partitions most likely, that run until they are verified.</summary>
internal sealed class Chains : IAsyncDisposable
{
    private readonly IReadOnlyList<Chain> _chains;
    private readonly CancellationTokenSource _stop = new();
    private readonly Task _running;

    private Chains(IReadOnlyList<Chain> chains)
    {
        _chains = chains;
        _running = Task.WhenAll(chains.Select(chain => Task.Run(() => chain.RunAsync(_stop.Token))));
    }

    public static Task<Chains> StartAsync(Platform platform, int count) =>
        StartAsync(platform, Enumerable.Range(0, count).Select(_ => NodeFixture.Name("room")));

    public static async Task<Chains> StartAsync(Platform platform, IEnumerable<string> roomIds)
    {
        var chains = new List<Chain>();
        foreach (var roomId in roomIds) chains.Add(await Chain.StartAsync(platform, roomId));
        return new Chains(chains);
    }

    /// <summary>Waits until each chain has <paramref name="count"/> more acknowledged messages.</summary>
    public async Task FlowAsync(int count)
    {
        var flow = Task.WhenAll(_chains.Select(chain => chain.FlowsAsync(count)));
        // What ends a chain says why they do not flow.
        if (await Task.WhenAny(flow, _running) == _running) await _running;
        await flow;
    }

    public async Task VerifyAsync()
    {
        await _stop.CancelAsync();
        await _running.WaitAsync(TimeSpan.FromSeconds(90));
        foreach (var chain in _chains) await chain.VerifyAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _running.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        foreach (var chain in _chains) await chain.DisposeAsync();
        _stop.Dispose();
    }
}
