using System.Security.Cryptography;
using System.Text;
using System.Text.Json;

namespace Chat.LoadTest.Tokens;

/// <summary>Signs access tokens (JWT, HS256) as an application's own server does; the platform makes the user at the first use.</summary>
internal sealed class AccessTokens(byte[] signingKey)
{
    private static readonly string Header = Base64Url("{\"alg\":\"HS256\",\"typ\":\"JWT\"}"u8);

    public string Mint(string userId, string userName, DateTimeOffset expires)
    {
        var claims = JsonSerializer.SerializeToUtf8Bytes(new { sub = userId, name = userName, iss = "chat", aud = "chat", exp = expires.ToUnixTimeSeconds() });
        var signed = $"{Header}.{Base64Url(claims)}";
        return $"{signed}.{Base64Url(HMACSHA256.HashData(signingKey, Encoding.ASCII.GetBytes(signed)))}";
    }

    private static string Base64Url(ReadOnlySpan<byte> bytes) => Convert.ToBase64String(bytes).TrimEnd('=').Replace('+', '-').Replace('/', '_');
}
