using System.Threading.Channels;
using Chat.Contracts;
using Chat.Realtime.Redis;
using StackExchange.Redis;

namespace Chat.Realtime.Fanout;

/// <summary>
/// Compares the local rooms with their heads every two seconds, since a lost last message leaves no gap that an event would show, and at once after
/// the subscriber connection was restored. It also closes what nobody holds any more and subscribes what could not be subscribed.
/// </summary>
internal sealed partial class FanoutHeartbeat(
    RedisSubscribers subscribers, EachKey eachKey, LocalRooms rooms, UserFeeds users, TimeProvider time, ILogger<FanoutHeartbeat> logger) : BackgroundService
{
    // Rooms or users that are asked for at once: enough to fill a round trip, too few to delay the accept path.
    private const int BatchSize = 256;
    // After a loss: at once, and again when the connection has surely subscribed its channels anew.
    private const int RoundsAfterLoss = 2;
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(2);
    // One wake-up is remembered: several losses in a row need one comparison.
    private readonly Channel<bool> _restored = Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        subscribers.Restored += () => _restored.Writer.TryWrite(true);
        var rounds = 0;
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                await CloseAbandonedAsync();
                var sure = rounds > 0;
                await CompareRoomsAsync(sure);
                foreach (var batch in users.All().Where(feed => sure || !feed.IsListening).Chunk(BatchSize))
                    await Task.WhenAll(batch.Select(feed => sure ? feed.CompareHeadsAsync() : feed.ListenAsync()));
                if (sure) rounds--;
                if (await WaitAsync(stoppingToken)) rounds = RoundsAfterLoss;
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                return;
            }
            catch (Exception e) when (e is RedisException or TimeoutException or ObjectDisposedException)
            {
                Log.NotCompared(logger, e.Message);
                rounds = RoundsAfterLoss; // whatever was published meanwhile
                await Task.Delay(Interval * (0.5 + Random.Shared.NextDouble()), time, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
    }

    // True when it was the restored connection that ended the wait.
    private async Task<bool> WaitAsync(CancellationToken stoppingToken)
    {
        using var woken = CancellationTokenSource.CreateLinkedTokenSource(stoppingToken);
        var restored = _restored.Reader.ReadAsync(woken.Token).AsTask();
        var first = await Task.WhenAny(restored, Task.Delay(Interval, time, woken.Token));
        await woken.CancelAsync();
        await first.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        stoppingToken.ThrowIfCancellationRequested();
        return first == restored;
    }

    private async Task CompareRoomsAsync(bool sure)
    {
        foreach (var batch in rooms.All().Chunk(BatchSize))
        {
            var heads = await eachKey.GetFieldsAsync([.. batch.Select(room => (RedisKeys.Head(room.RoomId), (RedisValue)"head"))]);
            for (var i = 0; i < batch.Length; i++)
                if (heads[i].TryParse(out long head)) batch[i].CompareHead(head, sure);
        }
    }

    private async Task CloseAbandonedAsync()
    {
        foreach (var room in rooms.TakeAbandoned()) await room.CloseAsync();
        foreach (var feed in users.TakeAbandoned()) await feed.CloseAsync();
    }

    private static partial class Log
    {
        [LoggerMessage(1043, LogLevel.Warning, "The heads of the local rooms cannot be read: {Reason}")]
        public static partial void NotCompared(ILogger logger, string reason);
    }
}
