using System.Globalization;
using Chat.Contracts;
using StackExchange.Redis;

namespace Chat.Realtime.Limits;

/// <summary>
/// Failed logins in Redis: 10 per name and address and 300 per address, each within 15 minutes of the first of them.
/// </summary>
internal sealed class LoginFailures(IConnectionMultiplexer redis)
{
    public const int PerNameAndAddress = 10;
    public const int PerAddress = 300;
    public static readonly TimeSpan Window = TimeSpan.FromMinutes(15);

    private const string NameKind = "login";
    private const string AddressKind = "login-address";

    private const string CountScript = """
        if redis.call('INCR', KEYS[1]) == 1 then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end
        """;

    private const string ReadScript = "return {redis.call('GET', KEYS[1]) or '0', redis.call('PTTL', KEYS[1])}";

    /// <summary>Milliseconds until a login may be tried again; null when it may now.</summary>
    public async Task<int?> WaitAsync(string userName, string address)
    {
        var waits = await Task.WhenAll(
            WaitAsync(RedisKeys.Bucket(NameKind, Subject(userName, address)), PerNameAndAddress),
            WaitAsync(RedisKeys.Bucket(AddressKind, address), PerAddress));
        return waits.Max();
    }

    public Task CountAsync(string userName, string address) => Task.WhenAll(
        CountAsync(RedisKeys.Bucket(NameKind, Subject(userName, address))),
        CountAsync(RedisKeys.Bucket(AddressKind, address)));

    // A name cannot hold the separator, so no two pairs make one subject.
    private static string Subject(string userName, string address) => $"{userName}|{address}";

    private async Task<int?> WaitAsync(string key, int allowed)
    {
        var reply = (string[])(await redis.GetDatabase().ScriptEvaluateAsync(ReadScript, [key]))!;
        if (long.Parse(reply[0], CultureInfo.InvariantCulture) < allowed) return null;
        return (int)Math.Clamp(long.Parse(reply[1], CultureInfo.InvariantCulture), 1, (long)Window.TotalMilliseconds);
    }

    private Task CountAsync(string key) => redis.GetDatabase().ScriptEvaluateAsync(CountScript, [key], [(long)Window.TotalMilliseconds]);
}
