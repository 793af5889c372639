using Chat.LocalKafka.Groups;
using Chat.LocalKafka.Topics;
using Microsoft.Extensions.Logging;

namespace Chat.LocalKafka;

/// <summary>Lets old segments and old offsets go, every few seconds, one round at a time.</summary>
internal sealed partial class RetentionLoop : IAsyncDisposable
{
    private readonly PeriodicTimer _timer;
    private readonly Task _running;

    public RetentionLoop(TopicRegistry topics, GroupCoordinator groups, TimeSpan interval, TimeProvider time, ILogger log)
    {
        _timer = new PeriodicTimer(interval, time);
        _running = RunAsync(topics, groups, log);
    }

    public async ValueTask DisposeAsync()
    {
        _timer.Dispose();
        await _running;
    }

    private async Task RunAsync(TopicRegistry topics, GroupCoordinator groups, ILogger log)
    {
        while (await _timer.WaitForNextTickAsync())
        {
            try
            {
                topics.ApplyRetention();
                await groups.ApplyRetentionAsync();
            }
            catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
            {
                Log.Failed(log, failure.Message);
            }
        }
    }

    private static partial class Log
    {
        [LoggerMessage(10, LogLevel.Warning, "A retention round failed and is repeated: {Reason}")]
        public static partial void Failed(ILogger logger, string reason);
    }
}
