using StackExchange.Redis;

namespace Chat.Data;

/// <summary>Over the client library's connections.</summary>
public sealed class LibraryCommands(IConnectionMultiplexer redis) : IRedisCommands
{
    public Task<RedisResult> RunAsync(RedisCommand command)
    {
        object[] arguments =
        [
            .. command.Before.Select(value => (object)value),
            .. command.Keys.Select(key => (object)(RedisKey)key), // by these the library finds the server
            .. command.After.Select(value => (object)value),
        ];
        return redis.GetDatabase().ExecuteAsync(command.Name, arguments);
    }
}
