using StackExchange.Redis;

namespace Chat.Data;

/// <summary>A command of Redis on keys that lie together: in a cluster they share a slot, as those of a room or of a user do.</summary>
/// <param name="Name">As Redis calls it.</param>
/// <param name="Before">Arguments in front of the keys.</param>
/// <param name="Keys">At least one; the first says which server has them.</param>
/// <param name="After">Arguments behind the keys.</param>
public readonly record struct RedisCommand(string Name, IReadOnlyList<RedisValue> Before, IReadOnlyList<string> Keys, IReadOnlyList<RedisValue> After);

/// <summary>Runs the commands that each event needs, and whoever comes and goes. A process with another way to Redis than the client library's registers it before <see cref="RoomStoreServices.AddRoomStore"/>.</summary>
public interface IRedisCommands
{
    /// <summary>
    /// The reply. Throws <see cref="RedisServerException"/> when Redis refuses the command, another <see cref="RedisException"/> or <see cref="TimeoutException"/> when whether it
    /// was executed is unknown.
    /// </summary>
    Task<RedisResult> RunAsync(RedisCommand command);
}
