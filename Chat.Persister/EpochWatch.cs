using Chat.Data.Numbering;

namespace Chat.Persister;

/// <summary>
/// Asks Redis again and again whether it still numbers in the epoch that the log is read in. While partitions are closed nobody sends, so nothing else
/// would tell this process that it has to open them; and a server that has lost its data is found before the next message comes.
/// </summary>
internal sealed partial class EpochWatch(EpochStore epochs, LogConsumer consumer, TimeProvider time, ILogger<EpochWatch> logger)
{
    // Chat waits for it: a new epoch costs senders about this and the time that the persister reads.
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(100);

    private bool _isAway;

    /// <summary>Runs until it is cancelled.</summary>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        while (!cancellationToken.IsCancellationRequested)
        {
            try
            {
                var epoch = await epochs.EnsureInForceAsync(cancellationToken);
                var start = consumer.Start;
                if (start.Offsets.Count > 0 && start.Epoch is { } began && began != epoch)
                    consumer.ReadAgain(start);
                _isAway = false;
            }
            catch (NumberingUnavailableException failure)
            {
                if (!_isAway)
                    Log.Away(logger, failure.Message);
                _isAway = true;
            }
            await Task.Delay(Interval * (0.75 + Random.Shared.NextDouble() / 2), time, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private static partial class Log
    {
        [LoggerMessage(4901, LogLevel.Warning, "Whether Redis is still in the current epoch cannot be told: {Reason}")]
        public static partial void Away(ILogger logger, string reason);
    }
}
