using System.Globalization;
using Chat.LoadTest.Recording;
using Chat.LoadTest.Traffic;

namespace Chat.LoadTest.Recovery;

/// <summary>Writes light traffic into its rooms in turn, and repeats each message until it is acknowledged; remembers when it was.</summary>
internal sealed class SteadyWriter(Clients clients, User user, IReadOnlyList<string> rooms) : IAsyncDisposable
{
    private const int MaxUnderWay = 16;
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(400);

    private readonly SendLink _link = new(clients, user, 0);
    private readonly SemaphoreSlim _underWay = new(MaxUnderWay, MaxUnderWay);
    private readonly Lock _gate = new();
    private readonly List<TimeSpan> _acks = [];

    /// <summary>Of the first ack after a moment; null when there was none yet.</summary>
    public TimeSpan? AckAfter(TimeSpan moment)
    {
        lock (_gate)
        {
            // In the order of time, and the moment lies near the end.
            var index = _acks.FindLastIndex(at => at <= moment) + 1;
            return index < _acks.Count ? _acks[index] : null;
        }
    }

    /// <param name="end">No new messages from here on; those under way are repeated until they are acknowledged.</param>
    /// <param name="giveUp">Nothing is repeated any more.</param>
    public async Task RunAsync(CancellationToken end, CancellationToken giveUp)
    {
        var random = new Random();
        var sending = new List<Task>();
        for (var number = 0; ; number++)
        {
            try
            {
                await Task.Delay(Pause * (0.5 + random.NextDouble()), end);
                await _underWay.WaitAsync(end);
            }
            catch (OperationCanceledException)
            {
                break;
            }
            sending.RemoveAll(task => task.IsCompletedSuccessfully);
            if (sending.Find(task => task.IsFaulted) is { } failed) await failed;
            var text = number.ToString(CultureInfo.InvariantCulture);
            sending.Add(DeliverAsync(new Operation(new OperationKey(user.Id, rooms[number % rooms.Count], Guid.CreateVersion7().ToString()), text, null), giveUp));
        }
        await Task.WhenAll(sending);
    }

    public async ValueTask DisposeAsync()
    {
        await _link.DisposeAsync();
        _underWay.Dispose();
    }

    private async Task DeliverAsync(Operation operation, CancellationToken giveUp)
    {
        try
        {
            for (var failures = 0; await await _link.BeginAsync(operation, giveUp) != SendOutcome.Acked; failures++)
                await Task.Delay(Backoff.After(failures, Random.Shared), giveUp);
            lock (_gate) _acks.Add(clients.Recorder.Clock.Now);
        }
        catch (OperationCanceledException) when (giveUp.IsCancellationRequested)
        {
            return; // its message has no ack, which is told at the end
        }
        finally
        {
            _underWay.Release();
        }
    }
}
