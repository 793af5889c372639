using Chat.Data;
using Chat.Realtime.Transport;
using StackExchange.Redis;

namespace Chat.Realtime.Redis;

/// <summary>The same commands for who does much with a reply: what follows it runs on the pool, and may take long.</summary>
public sealed class AwayCommands(IRedisCommands commands) : IRedisCommands
{
    public async Task<RedisResult> RunAsync(RedisCommand command)
    {
        var reply = commands.RunAsync(command);
        await ((Task)reply).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await EventLoop.LeaveAsync();
        return await reply;
    }
}
