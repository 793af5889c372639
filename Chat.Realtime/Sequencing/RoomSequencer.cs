using Chat.Contracts;
using Chat.Data.Numbering;
using Chat.Realtime.Publishing;

namespace Chat.Realtime.Sequencing;

/// <summary>
/// Numbers the events of one room that this node has logged, in the order in which the log confirmed them. One call is in flight; it carries all that
/// wait. A call whose outcome is unknown is repeated, first and unchanged, until it is known: later events never overtake it.
/// </summary>
internal sealed partial class RoomSequencer(
    string roomId, RoomSequencers owner, RoomNumbering numbering, NumberedDelivery delivery, TimeProvider time, ILogger<RoomSequencer> logger, CancellationToken stopping)
{
    // One script call stays short: 64 small events take Redis about half a millisecond, in which it serves nobody else.
    private const int MaxBatch = 64;
    private const int MaxBatchBytes = 256 << 10;
    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(2);

    private readonly Lock _gate = new();
    private readonly Queue<Publication> _waiting = [];
    private bool _running;

    public string RoomId { get; } = roomId;

    /// <summary>Events that are on their way to it or wait in it. Belongs to <see cref="RoomSequencers"/>, which bounds it.</summary>
    public int Reserved { get; set; }

    /// <summary>Takes an event that is in the log; its place was reserved.</summary>
    public void Enqueue(Publication publication)
    {
        lock (_gate)
        {
            _waiting.Enqueue(publication);
            if (_running) return;
            _running = true;
        }
        // On the log's thread up to the first wait, which is Redis': a hand-over to the pool would cost more than what there is to do. Never throws.
        _ = RunAsync();
    }

    private async Task RunAsync()
    {
        var batch = new List<Publication>();
        while (Fill(batch))
        {
            var numbers = await NumberAsync(batch);
            if (numbers is null)
            {
                // The node stops. The events are in the log, so the persister numbers them; their senders ask again elsewhere.
                foreach (var publication in batch) publication.Unknown("This node is stopping.");
            }
            else delivery.Deliver(RoomId, batch, numbers);
            owner.Release(this, batch.Count);
        }
    }

    private bool Fill(List<Publication> batch)
    {
        batch.Clear();
        var bytes = 0;
        lock (_gate)
        {
            while (batch.Count < MaxBatch && _waiting.TryPeek(out var next) && (batch.Count == 0 || bytes + next.Body.Length <= MaxBatchBytes))
            {
                bytes += next.Body.Length;
                batch.Add(_waiting.Dequeue());
            }
            if (batch.Count == 0) _running = false;
        }
        return batch.Count > 0;
    }

    // Null when the node stops before the outcome is known.
    private async Task<IReadOnlyList<EventNumber>?> NumberAsync(List<Publication> batch)
    {
        PendingEvent[] events = [.. batch.Select(publication => publication.Pending)];
        var pause = FirstPause;
        while (!stopping.IsCancellationRequested)
        {
            try
            {
                return await numbering.NumberAsync(RoomId, batch[0].Outgoing.CreatedEpoch, events, stopping);
            }
            catch (OperationCanceledException) when (stopping.IsCancellationRequested)
            {
                return null;
            }
            catch (NumberingUnavailableException e)
            {
                Log.Unknown(logger, RoomId, events.Length, e.Message);
            }
            catch (Exception e)
            {
                // Also repeated: these events are in the log, and giving up would let later ones overtake them.
                Log.Failed(logger, e, RoomId, events.Length);
            }
            await Task.Delay(pause * (0.5 + Random.Shared.NextDouble()), time, stopping).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            pause = pause * 2 < LongestPause ? pause * 2 : LongestPause;
        }
        return null;
    }

    private static partial class Log
    {
        [LoggerMessage(1070, LogLevel.Warning, "Room {RoomId}: whether {Count} events were numbered is unknown; repeating. {Reason}")]
        public static partial void Unknown(ILogger logger, string roomId, int count, string reason);

        [LoggerMessage(1071, LogLevel.Error, "Room {RoomId}: numbering {Count} events failed; repeating")]
        public static partial void Failed(ILogger logger, Exception exception, string roomId, int count);
    }
}
