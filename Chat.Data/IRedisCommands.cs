using System.Security.Cryptography;
using System.Text;
using StackExchange.Redis;

namespace Chat.Data;

/// <summary>A command of Redis on keys that share a slot, as those of a room or of a user do.</summary>
/// <param name="Name">As Redis calls it.</param>
/// <param name="Before">Arguments in front of the keys.</param>
/// <param name="Keys">At least one; the first says which server has them.</param>
/// <param name="After">Arguments behind the keys.</param>
public readonly record struct RedisCommand(string Name, IReadOnlyList<RedisValue> Before, IReadOnlyList<string> Keys, IReadOnlyList<RedisValue> After);

/// <summary>Runs the commands that each event needs. A process with another way to Redis than the client library's registers it before <see cref="RoomStoreServices.AddRoomStore"/>.</summary>
public interface IRedisCommands
{
    /// <summary>
    /// The reply. Throws <see cref="RedisServerException"/> when Redis refuses the command, another <see cref="RedisException"/> or <see cref="TimeoutException"/> when whether it
    /// was executed is unknown.
    /// </summary>
    Task<RedisResult> RunAsync(RedisCommand command);
}

/// <summary>A script that a server may be given again whenever it does not know it. Not for what must stop when a server has forgotten it (<see cref="Numbering.NumberingScript"/>).</summary>
public sealed class RedisScript(string text)
{
    private readonly string _hash = HashOf(text);

    /// <summary>By its hash; with its text where the server does not know it. Throws as <see cref="IRedisCommands.RunAsync"/>.</summary>
    public async Task<RedisResult> RunAsync(IRedisCommands redis, string key, params IReadOnlyList<RedisValue> arguments)
    {
        try
        {
            return await redis.RunAsync(new RedisCommand("EVALSHA", [_hash, 1], [key], arguments));
        }
        catch (RedisServerException e) when (e.Message.StartsWith("NOSCRIPT", StringComparison.Ordinal))
        {
            return await redis.RunAsync(new RedisCommand("EVAL", [text, 1], [key], arguments));
        }
    }

    /// <summary>The name that Redis gives to a script.</summary>
    internal static string HashOf(string text)
    {
#pragma warning disable CA5350 // Redis names scripts by their SHA-1.
        return Convert.ToHexStringLower(SHA1.HashData(Encoding.UTF8.GetBytes(text)));
#pragma warning restore CA5350
    }
}

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
