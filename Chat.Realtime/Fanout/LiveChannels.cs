using Chat.Contracts;
using Chat.Data;
using Chat.Realtime.Redis;
using StackExchange.Redis;

namespace Chat.Realtime.Fanout;

/// <summary>Publishes what is delivered live or not at all. Envelopes are encoded JSON without seq. While Redis is away they are lost.</summary>
public sealed partial class LiveChannels(AwayCommands redis, ILogger<LiveChannels> logger)
{
    /// <summary>To the connections, on every node, that are subscribed to the room.</summary>
    public Task PublishToRoomAsync(string roomId, ReadOnlyMemory<byte> envelope) => PublishAsync(RedisKeys.EphemeralChannel(roomId), envelope);

    /// <summary>To all connections of a user, on every node. An <c>unsubscribed</c> envelope also ends their subscriptions of its room.</summary>
    public Task PublishToUserAsync(string userId, ReadOnlyMemory<byte> envelope) => PublishAsync(RedisKeys.UserChannel(userId), envelope);

    private async Task PublishAsync(string channel, ReadOnlyMemory<byte> envelope)
    {
        try
        {
            await redis.RunAsync(new RedisCommand("SPUBLISH", [], [channel], [envelope]));
        }
        catch (Exception e) when (e is RedisException or TimeoutException)
        {
            Log.Lost(logger, channel, e.Message);
        }
    }

    private static partial class Log
    {
        [LoggerMessage(1050, LogLevel.Debug, "An ephemeral event for {Channel} was lost: {Reason}")]
        public static partial void Lost(ILogger logger, string channel, string reason);
    }
}
