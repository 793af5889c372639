using Chat.Data.Numbering;
using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace Chat.Realtime.Publishing;

/// <summary>
/// Finds out before the first send what it would have to wait for otherwise: in which epoch events are numbered, whether its partitions are open, and which ids were given
/// before it. To those who ask for its health a node is starting meanwhile, for ten seconds at most, and no longer when Redis or Postgres does not answer: it serves what it can then, and goes on trying.
/// </summary>
internal sealed partial class NumberingAtStart(EpochStore epochs, OpenPartitions open, EarlierIds earlier, TimeProvider time, ILogger<NumberingAtStart> logger)
    : BackgroundService, IHealthCheck
{
    internal static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(2);

    private readonly long _startedAt = time.GetTimestamp();
    private volatile bool _isOver;

    public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default) =>
        Task.FromResult(_isOver || time.GetElapsedTime(_startedAt) >= Patience ? HealthCheckResult.Healthy() : HealthCheckResult.Unhealthy("the numbering is not known yet"));

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
                    if (KnownEvents.MayBeOlderThan(epoch, time.GetUtcNow())) await earlier.ReadAsync().WaitAsync(stoppingToken);
                    _isOver = true;
                    return;
                }
            }
            catch (NumberingUnavailableException away)
            {
                if (!_isOver) Log.NotKnown(logger, away.Message);
                _isOver = true;
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                return;
            }
            await Task.Delay(Pause * (0.5 + Random.Shared.NextDouble()), time, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private static partial class Log
    {
        [LoggerMessage(1088, LogLevel.Warning, "The node starts without knowing how events are numbered: {Reason}")]
        public static partial void NotKnown(ILogger logger, string reason);
    }
}
