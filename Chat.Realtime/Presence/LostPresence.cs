using Chat.Data.Numbering;

namespace Chat.Realtime.Presence;

/// <summary>
/// Restores what a shard of a Redis Cluster has lost of presence. A single Redis loses the leases too, and whoever finds its lease gone writes everything again;
/// a cluster may lose users and keep the leases. Any loss begins an epoch, so the epoch says when to write.
/// </summary>
internal sealed class LostPresence(EpochStore epochs, EpochGuards guards, PresenceTracker tracker, TimeProvider time) : BackgroundService
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(2);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        int? known = null;
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                if (guards.IsCluster && await epochs.EnsureInForceAsync(stoppingToken) is var epoch && epoch != known)
                {
                    known = epoch;
                    tracker.WriteAgain();
                }
            }
            catch (NumberingUnavailableException)
            {
                // A shard is away; it begins an epoch when it is back. Whoever needs it now says so in the log.
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                return;
            }
            await Task.Delay(Interval * (0.75 + (Random.Shared.NextDouble() / 2)), time, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }
}
