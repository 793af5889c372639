using Chat.Contracts;
using Chat.Data;
using StackExchange.Redis;

namespace Chat.Realtime.Redis;

/// <summary>
/// Does the same small thing to each of many keys. On a server by itself a call carries many of them, since a call costs Redis and the node many times what such a thing does. In a cluster it carries
/// one: keys of one slot are few, and while that slot moves they may lie on two servers.
/// </summary>
internal sealed class EachKey(AwayCommands commands, IConnectionMultiplexer redis)
{
    // A call stays short: Redis serves nobody else meanwhile.
    private const int MaxKeys = 64;

    private static readonly RedisScript Field = Script("field", "return redis.call('HGET', key, field)");

    /// <summary>
    /// A script for <see cref="RunAsync"/>: the body of a Lua function of <c>key</c> and at least one argument, named in <paramref name="arguments"/> and joined by commas. What it returns is the
    /// reply: false for none, and never nil.
    /// </summary>
    public static RedisScript Script(string arguments, string body) => new($"""
        local function each(key, {arguments})
        {body}
        end
        local replies, width = {"{}"}, #ARGV / #KEYS
        for i = 1, #KEYS do replies[i] = each(KEYS[i], unpack(ARGV, (i - 1) * width + 1, i * width)) end
        return replies
        """);

    /// <summary>
    /// The replies in the order of <paramref name="items"/>, each with as many arguments as the script has. Throws <see cref="RedisException"/> or <see cref="TimeoutException"/>; it may be done for
    /// some of them then. Continues on the pool.
    /// </summary>
    public Task<RedisResult[]> RunAsync(RedisScript script, IReadOnlyList<(string Key, RedisValue[] Arguments)> items) => InPartsAsync(items, async part =>
        (RedisResult[])(await script.RunAsync(commands, [.. part.Select(item => item.Key)], [.. part.SelectMany(item => item.Arguments)]))!);

    /// <summary>One field of each hash, in the order of <paramref name="fields"/>; null where there is none. Throws as <see cref="RunAsync"/>.</summary>
    public async Task<RedisValue[]> GetFieldsAsync(IReadOnlyList<(string Key, RedisValue Field)> fields) => Array.ConvertAll(
        await InPartsAsync(fields, async part => part is [var (key, field)]
            ? [await commands.RunAsync(new RedisCommand("HGET", [], [key], [field]))]
            : (RedisResult[])(await Field.RunAsync(commands, [.. part.Select(each => each.Key)], [.. part.Select(each => each.Field)]))!),
        reply => (RedisValue)reply);

    private async Task<RedisResult[]> InPartsAsync<T>(IReadOnlyList<T> items, Func<T[], Task<RedisResult[]>> ask)
    {
        var mayBeMany = redis.HashSlot(RedisKeys.EpochGuard) < 0; // no cluster, or not known to be one yet
        try
        {
            return [.. (await Task.WhenAll(items.Chunk(mayBeMany ? MaxKeys : 1).Select(ask))).SelectMany(replies => replies)];
        }
        catch (RedisCommandException refusal) when (mayBeMany)
        {
            // The library's own, of keys of several slots when Redis turns out to be a cluster just now: it is none of its RedisExceptions.
            throw new RedisException(refusal.Message, refusal);
        }
    }
}
