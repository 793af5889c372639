using System.Diagnostics.Metrics;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Chat.Contracts;
using Konscious.Security.Cryptography;

namespace Chat.Realtime.Accounts;

/// <summary>
/// Argon2id with OWASP's first choice of parameters (19 MiB, 2 passes, 1 lane), as PHC text. Hashing is dear on purpose, so only as many run at
/// once as there are processors, and only <see cref="MaxWaiting"/> wait; beyond that the answer is <c>unavailable</c>, not a server out of memory.
/// </summary>
public sealed class PasswordHasher : IDisposable
{
    private const int MemoryKiB = 19 * 1024;
    private const int Passes = 2;
    private const int Lanes = 1;
    private const int SaltBytes = 16;
    private const int HashBytes = 32;
    private const int MaxWaiting = 64;
    private const string Prefix = "$argon2id$v=19$";

    private readonly SemaphoreSlim _running = new(Environment.ProcessorCount);
    private readonly Counter<long> _computed;
    private readonly string _hashOfNobody = Encode(RandomNumberGenerator.GetBytes(SaltBytes), RandomNumberGenerator.GetBytes(HashBytes));
    private int _waiting;

    public PasswordHasher(IMeterFactory meters) =>
        _computed = meters.Create("Chat").CreateCounter<long>("chat_password_hashes_total", description: "Password hashes computed");

    /// <summary>The text to keep for <paramref name="password"/>.</summary>
    public async Task<string> HashAsync(string password, CancellationToken cancellationToken)
    {
        var salt = RandomNumberGenerator.GetBytes(SaltBytes);
        var hash = await ComputeAsync(password, salt, MemoryKiB, Passes, Lanes, HashBytes, cancellationToken);
        return Encode(salt, hash);
    }

    /// <summary>
    /// True when <paramref name="password"/> is the one that was kept. Without a kept text (unknown user, or one that has no password) the same
    /// work is done and the answer is false, so that the time tells nobody which names exist.
    /// </summary>
    public async Task<bool> VerifyAsync(string password, string? kept, CancellationToken cancellationToken)
    {
        var (memory, passes, lanes, salt, expected) = Parse(kept ?? _hashOfNobody);
        var actual = await ComputeAsync(password, salt, memory, passes, lanes, expected.Length, cancellationToken);
        return CryptographicOperations.FixedTimeEquals(actual, expected) && kept is not null;
    }

    public void Dispose() => _running.Dispose();

    private async Task<byte[]> ComputeAsync(
        string password, byte[] salt, int memory, int passes, int lanes, int length, CancellationToken cancellationToken)
    {
        if (Interlocked.Increment(ref _waiting) > MaxWaiting)
        {
            Interlocked.Decrement(ref _waiting);
            throw new ChatException(ErrorCodes.Unavailable, "Too many sign in at this moment.", 1000);
        }
        try
        {
            await _running.WaitAsync(cancellationToken);
        }
        finally
        {
            Interlocked.Decrement(ref _waiting);
        }
        try
        {
            using var argon = new Argon2id(Encoding.UTF8.GetBytes(password))
            {
                Salt = salt,
                MemorySize = memory,
                Iterations = passes,
                DegreeOfParallelism = lanes,
            };
            var hash = await argon.GetBytesAsync(length);
            _computed.Add(1);
            return hash;
        }
        finally
        {
            _running.Release();
        }
    }

    private static (int Memory, int Passes, int Lanes, byte[] Salt, byte[] Hash) Parse(string text)
    {
        if (!text.StartsWith(Prefix, StringComparison.Ordinal) || text[Prefix.Length..].Split('$') is not [var costs, var salt, var hash]
            || costs.Split(',') is not [['m', '=', .. var memory], ['t', '=', .. var passes], ['p', '=', .. var lanes]])
            throw new FormatException("A kept password is not in the form of this version.");
        return (int.Parse(memory, CultureInfo.InvariantCulture), int.Parse(passes, CultureInfo.InvariantCulture),
            int.Parse(lanes, CultureInfo.InvariantCulture), Padded(salt), Padded(hash));
    }

    private static string Encode(byte[] salt, byte[] hash) =>
        string.Create(CultureInfo.InvariantCulture, $"{Prefix}m={MemoryKiB},t={Passes},p={Lanes}${Unpadded(salt)}${Unpadded(hash)}");

    private static string Unpadded(byte[] bytes) => Convert.ToBase64String(bytes).TrimEnd('=');

    private static byte[] Padded(string text) => Convert.FromBase64String(text.PadRight((text.Length + 3) / 4 * 4, '='));
}
