using Chat.ServiceDefaults;

namespace Chat.Realtime.Reading;

/// <summary>
/// Markers that follow one's own messages. The sender does not wait for them: they are collected for a moment, only the highest per user and room, and
/// written in batches. While Redis is away they wait, up to a bound.
/// </summary>
internal sealed partial class OwnMarkers(ReadMarkerStore store, TimeProvider time, ILogger<OwnMarkers> logger) : LastToStop
{
    // Over the bound (Redis away for long) further ones are not moved: the user then sees their own messages as unread.
    private const int MaxWaiting = 50_000;
    private const int BatchSize = 500;

    // One write for all who spoke meanwhile: each wakes half a dozen threads. Who looks on another node sees the marker so much later.
    private static readonly TimeSpan Gathering = TimeSpan.FromMilliseconds(250);
    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(200);
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(5);

    private readonly Lock _gate = new();
    private readonly Dictionary<(string UserId, string RoomId), long> _waiting = [];
    private readonly BusyTick _tick = new(Gathering, time);
    private bool _full;

    public void Mark(string userId, string roomId, long seq)
    {
        var full = false;
        lock (_gate)
        {
            var known = _waiting.TryGetValue((userId, roomId), out var waiting);
            if (!known && _waiting.Count >= MaxWaiting)
            {
                full = !_full;
                _full = true;
            }
            else
            {
                _waiting[(userId, roomId)] = Math.Max(waiting, seq);
            }
        }
        if (full) Log.Full(logger, MaxWaiting);
        _tick.Begin();
    }

    /// <summary>A marker that is not written yet; 0 when there is none.</summary>
    public long Waiting(string userId, string roomId)
    {
        lock (_gate) return _waiting.GetValueOrDefault((userId, roomId));
    }

    public override void Dispose()
    {
        _tick.Dispose();
        base.Dispose();
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        var pause = FirstPause;
        var failing = false;
        while (true)
        {
            var batch = NextBatch();
            try
            {
                if (batch.Count == 0)
                {
                    if (stoppingToken.IsCancellationRequested) return;
                    await GatherAsync(stoppingToken);
                    continue;
                }
                // Without the token: what was sent before the host stopped is still written.
                await store.MoveAsync(batch, mayLower: false, CancellationToken.None);
                Forget(batch);
                if (failing) Log.Restored(logger);
                failing = false;
                pause = FirstPause;
                if (batch.Count < BatchSize) await GatherAsync(stoppingToken);
            }
            catch (Exception failure) when (ReadMarkers.IsPassing(failure))
            {
                if (!failing) Log.Failing(logger, failure.Message);
                failing = true;
                if (stoppingToken.IsCancellationRequested) return;
                await Task.Delay(pause * (0.5 + Random.Shared.NextDouble()), time, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                pause = pause * 2 < LongestPause ? pause * 2 : LongestPause;
            }
        }
    }

    // When the host stops there is nothing to wait for.
    private async Task GatherAsync(CancellationToken stoppingToken) =>
        await _tick.NextAsync(Timeout.InfiniteTimeSpan, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);

    private List<(string UserId, string RoomId, long Seq)> NextBatch()
    {
        lock (_gate) return _waiting.Take(BatchSize).Select(marker => (marker.Key.UserId, marker.Key.RoomId, marker.Value)).ToList();
    }

    // One that was raised meanwhile stays and is written again.
    private void Forget(List<(string UserId, string RoomId, long Seq)> written)
    {
        lock (_gate)
        {
            foreach (var (userId, roomId, seq) in written)
            {
                if (_waiting.TryGetValue((userId, roomId), out var waiting) && waiting == seq) _waiting.Remove((userId, roomId));
            }
            _full = false;
        }
    }

    private static partial class Log
    {
        [LoggerMessage(1, LogLevel.Warning, "Markers of own messages cannot be written and wait: {Reason}")]
        public static partial void Failing(ILogger logger, string reason);

        [LoggerMessage(2, LogLevel.Information, "Markers of own messages are written again.")]
        public static partial void Restored(ILogger logger);

        [LoggerMessage(3, LogLevel.Warning, "More than {MaxWaiting} markers of own messages wait; further ones are not moved.")]
        public static partial void Full(ILogger logger, int maxWaiting);
    }
}
