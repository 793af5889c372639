using System.Collections.Concurrent;
using Chat.LoadTest.CommandLine;
using Chat.LoadTest.Recording;
using Chat.LoadTest.Traffic;
using Chat.LoadTest.Wire;

namespace Chat.LoadTest.Crowds;

/// <summary>All clients of a measurement. None of their tasks outlives it, however it ends.</summary>
internal sealed class Crowd : IAsyncDisposable
{
    /// <summary>So many are let in at once where that is not what is measured.</summary>
    public const int OpenedAtOnce = 50;
    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(20);

    private readonly CancellationTokenSource _end;
    private readonly List<Task> _running = [];
    private readonly RunClock _clock;

    private Crowd(IReadOnlyList<Route> routes, RunClock clock, IReadOnlyList<User> users, CrowdPlan plan, ConcurrentQueue<string> problems, ICrowdWatch? watch, CancellationToken stop)
    {
        _clock = clock;
        _end = CancellationTokenSource.CreateLinkedTokenSource(stop);
        var turns = new OpeningTurns();
        Clients = [.. users.Select((user, i) => new CrowdClient(i, routes, clock, turns, user, plan.Followed[i], problems, watch))];
    }

    public IReadOnlyList<CrowdClient> Clients { get; }

    public TimeSpan Now => _clock.Now;

    /// <summary>A crowd that is not connected yet.</summary>
    public static Crowd Gather(
        IReadOnlyList<Route> routes, RunClock clock, IReadOnlyList<User> users, CrowdPlan plan, ConcurrentQueue<string> problems, ICrowdWatch? watch, CancellationToken stop) =>
        new(routes, clock, users, plan, problems, watch, stop);

    /// <summary>Opens the connections of clients that have none; each is subscribed when it completes.</summary>
    public async Task OpenAsync(IReadOnlyList<CrowdClient> clients, TimeSpan patience, CancellationToken stop, Action<int>? opened = null)
    {
        var deadline = DateTime.UtcNow + patience;
        var count = 0;
        foreach (var some in clients.Chunk(OpenedAtOnce))
        {
            _running.AddRange(some.Select(client => Task.Run(() => client.RunAsync(_end.Token), CancellationToken.None)));
            if (!await UntilAsync(some, client => client.IsCaughtUp, deadline - DateTime.UtcNow, stop))
                throw new UsageException($"Only {clients.Count(client => client.IsCaughtUp)} of {clients.Count} connections were open after {patience.TotalSeconds} s: fewer connections suit this machine.");
            opened?.Invoke(count += some.Length);
        }
    }

    /// <summary>Waits until a condition holds for each of some clients; false when it did not within <paramref name="patience"/>.</summary>
    public async Task<bool> UntilAsync(IEnumerable<CrowdClient> clients, Func<CrowdClient, bool> condition, TimeSpan patience, CancellationToken stop)
    {
        var left = clients.ToList();
        for (var deadline = DateTime.UtcNow + patience; ;)
        {
            left.RemoveAll(client => condition(client));
            if (left.Count == 0) return true;
            if (DateTime.UtcNow > deadline) return false;
            ThrowIfBroken();
            await Task.Delay(Look, stop);
        }
    }

    /// <summary>A client that broke is a fault of this program, or of a server that sent what is no protocol: nothing that it missed would say anything.</summary>
    public void ThrowIfBroken() => _running.Find(task => task.IsFaulted)?.GetAwaiter().GetResult();

    public async ValueTask DisposeAsync()
    {
        await _end.CancelAsync();
        await Task.WhenAll(_running).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _end.Dispose();
    }
}
