using System.Security.Cryptography;
using System.Text;
using StackExchange.Redis;

namespace Chat.Data;

/// <summary>A script that a server may be given again whenever it does not know it. Not for what must stop when a server has forgotten it (<see cref="Numbering.NumberingScript"/>).</summary>
public sealed class RedisScript(string text)
{
    private readonly string _hash = HashOf(text);

    /// <summary>By its hash; with its text where the server does not know it. Throws as <see cref="IRedisCommands.RunAsync"/>.</summary>
    public async Task<RedisResult> RunAsync(IRedisCommands redis, IReadOnlyList<string> keys, params IReadOnlyList<RedisValue> arguments)
    {
        try
        {
            return await redis.RunAsync(new RedisCommand("EVALSHA", [_hash, keys.Count], keys, arguments));
        }
        catch (RedisServerException e) when (e.Message.StartsWith("NOSCRIPT", StringComparison.Ordinal))
        {
            return await redis.RunAsync(new RedisCommand("EVAL", [text, keys.Count], keys, arguments));
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
