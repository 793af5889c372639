using Chat.Data.Numbering;

namespace Chat.Realtime.Publishing;

/// <summary>
/// Finds out before the first send what it would have to wait for otherwise: in which epoch events are numbered, whether its partitions are open, and which ids were given
/// before it. When Redis or Postgres does not answer the start is over at once, and it goes on trying.
/// </summary>
internal sealed partial class NumberingAtStart(EpochStore epochs, OpenPartitions open, EarlierIds earlier, TimeProvider time, ILogger<NumberingAtStart> logger)
    : AtStart(time, "the numbering is not known yet")
{
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(2);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                await epochs.EnsureInForceAsync(stoppingToken);
                if (await open.WaitForAllAsync(Patience, stoppingToken))
                {
                    var epoch = await epochs.GetAsync(stoppingToken);
                    if (KnownEvents.MayBeOlderThan(epoch, Time.GetUtcNow())) await earlier.ReadAsync().WaitAsync(stoppingToken);
                    Over();
                    return;
                }
            }
            catch (NumberingUnavailableException away)
            {
                if (!IsOver) Log.NotKnown(logger, away.Message);
                Over();
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                return;
            }
            await Task.Delay(Pause * (0.5 + Random.Shared.NextDouble()), Time, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private static partial class Log
    {
        [LoggerMessage(1088, LogLevel.Warning, "The node starts without knowing how events are numbered: {Reason}")]
        public static partial void NotKnown(ILogger logger, string reason);
    }
}
