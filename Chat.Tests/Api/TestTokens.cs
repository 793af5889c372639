using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.WebUtilities;

namespace Chat.Tests.Api;

/// <summary>Access tokens as an application's own server, or an attacker, would make them: by hand.</summary>
internal static class TestTokens
{
    public static string Mint(string userId, string name, TimeSpan? lifetime = null) => Sign(new { alg = "HS256", typ = "JWT" }, Claims(userId, name, lifetime));

    public static Dictionary<string, object> Claims(string userId, string name, TimeSpan? lifetime = null) => new()
    {
        ["sub"] = userId,
        ["name"] = name,
        ["iss"] = "chat",
        ["aud"] = "chat",
        ["exp"] = (DateTimeOffset.UtcNow + (lifetime ?? TimeSpan.FromMinutes(10))).ToUnixTimeSeconds(),
    };

    public static string Sign(object header, object claims, byte[]? key = null)
    {
        var text = $"{Encode(header)}.{Encode(claims)}";
        return $"{text}.{WebEncoders.Base64UrlEncode(HMACSHA256.HashData(key ?? Convert.FromBase64String(ApiHost.SigningKey), Encoding.ASCII.GetBytes(text)))}";
    }

    public static string Unsigned(object header, object claims) => $"{Encode(header)}.{Encode(claims)}.";

    private static string Encode(object part) => WebEncoders.Base64UrlEncode(JsonSerializer.SerializeToUtf8Bytes(part));
}
