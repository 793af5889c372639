using System.Collections.Concurrent;
using Chat.LoadTest.CommandLine;
using Chat.LoadTest.Recording;
using Chat.LoadTest.Traffic;

namespace Chat.LoadTest.Recovery;

/// <summary>All clients of a measurement. None of their tasks outlives it, however it ends.</summary>
internal sealed class Crowd : IAsyncDisposable
{
    /// <summary>So many are let in at once where that is not what is measured.</summary>
    public const int OpenedAtOnce = 50;
    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(20);

    private readonly CancellationTokenSource _end;
    private readonly List<Task> _running = [];
    private readonly RunClock _clock;

    private Crowd(Clients clients, IReadOnlyList<User> users, CrowdPlan plan, ConcurrentQueue<string> problems, CancellationToken stop)
    {
        _clock = clients.Recorder.Clock;
        _end = CancellationTokenSource.CreateLinkedTokenSource(stop);
        Clients = [.. users.Select((user, i) => new CrowdClient(clients, user, plan.Followed[i], problems))];
    }

    public IReadOnlyList<CrowdClient> Clients { get; }

    public TimeSpan Now => _clock.Now;

    /// <summary>Opens every connection; each is subscribed when it completes.</summary>
    public static async Task<Crowd> OpenAsync(
        Clients clients, IReadOnlyList<User> users, CrowdPlan plan, ConcurrentQueue<string> problems, TimeSpan patience, CancellationToken stop)
    {
        var crowd = new Crowd(clients, users, plan, problems, stop);
        try
        {
            var deadline = DateTime.UtcNow + patience;
            foreach (var some in crowd.Clients.Chunk(OpenedAtOnce))
            {
                crowd._running.AddRange(some.Select(client => Task.Run(() => client.RunAsync(crowd._end.Token), CancellationToken.None)));
                if (!await crowd.UntilAsync(some, client => client.IsCaughtUp, deadline - DateTime.UtcNow, stop))
                    throw new UsageException($"Only {crowd.Clients.Count(client => client.IsCaughtUp)} of {users.Count} connections were open after {patience.TotalSeconds} s: fewer --connections suit this machine.");
            }
            return crowd;
        }
        catch
        {
            await crowd.DisposeAsync();
            throw;
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
            // A client that broke is a fault of this program: it is thrown here.
            if (_running.Find(task => task.IsFaulted) is { } broken) await broken;
            await Task.Delay(Look, stop);
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _end.CancelAsync();
        await Task.WhenAll(_running).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _end.Dispose();
    }
}
