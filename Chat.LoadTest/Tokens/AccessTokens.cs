using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Chat.LoadTest.Traffic;

namespace Chat.LoadTest.Tokens;

/// <summary>Signs access tokens (JWT, HS256) as an application's own server does; the platform makes the user at the first use.</summary>
internal sealed class AccessTokens(byte[] signingKey)
{
    // Longer than any run of clients whose tokens are made at its beginning.
    private static readonly TimeSpan RunLifetime = TimeSpan.FromHours(30);
    private static readonly string Header = Base64Url("{\"alg\":\"HS256\",\"typ\":\"JWT\"}"u8);

    public string Mint(string userId, string userName, DateTimeOffset expires)
    {
        var claims = JsonSerializer.SerializeToUtf8Bytes(new { sub = userId, name = userName, iss = "chat", aud = "chat", exp = expires.ToUnixTimeSeconds() });
        var signed = $"{Header}.{Base64Url(claims)}";
        return $"{signed}.{Base64Url(HMACSHA256.HashData(signingKey, Encoding.ASCII.GetBytes(signed)))}";
    }

    /// <summary>Users of a run, with ids from <c>PREFIX-0</c> on.</summary>
    public IReadOnlyList<User> Users(string prefix, int count)
    {
        var expires = DateTimeOffset.UtcNow + RunLifetime;
        return [.. Enumerable.Range(0, count).Select(i => $"{prefix}-{i}").Select(id => new User(id, Mint(id, id, expires)))];
    }

    private static string Base64Url(ReadOnlySpan<byte> bytes) => Convert.ToBase64String(bytes).TrimEnd('=').Replace('+', '-').Replace('/', '_');
}
