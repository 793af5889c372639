using StackExchange.Redis;

namespace Chat.Data;

/// <summary>A command of Redis on keys of one room, which share a slot.</summary>
/// <param name="Name">As Redis calls it.</param>
/// <param name="Before">Arguments in front of the keys.</param>
/// <param name="Keys">At least one; the first says which server has the room.</param>
/// <param name="After">Arguments behind the keys.</param>
public readonly record struct RoomCommand(string Name, IReadOnlyList<RedisValue> Before, IReadOnlyList<string> Keys, IReadOnlyList<RedisValue> After);

/// <summary>Runs the commands that each event needs. A process with another way to Redis than the client library's registers it before <see cref="RoomStoreServices.AddRoomStore"/>.</summary>
public interface IRoomCommands
{
    /// <summary>
    /// The reply. Throws <see cref="RedisServerException"/> when Redis refuses the command, another <see cref="RedisException"/> or <see cref="TimeoutException"/> when whether it
    /// was executed is unknown.
    /// </summary>
    Task<RedisResult> RunAsync(RoomCommand command);
}

/// <summary>Over the client library's connections.</summary>
public sealed class LibraryCommands(IConnectionMultiplexer redis) : IRoomCommands
{
    public Task<RedisResult> RunAsync(RoomCommand command)
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
