using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Chat.Contracts;

namespace Chat.Frontend.Session;

/// <summary>Tokens of one signed-in browser and when the access token ends.</summary>
public sealed record StoredTokens(string AccessToken, DateTimeOffset AccessExpiresAt, string RefreshToken)
{
    public static StoredTokens From(Contracts.Api.Session session, DateTimeOffset now) =>
        new(session.AccessToken, now.AddSeconds(session.ExpiresIn), session.RefreshToken);
}

/// <summary>
/// Tokens as they lie in Redis: sealed with a key that is derived from the session id, which only the browser's cookie has.
/// A copy of Redis signs nobody in.
/// </summary>
public static class SealedTokens
{
    private const int NonceSize = 12;
    private const int TagSize = 16;

    public static byte[] Seal(BrowserSession session, StoredTokens tokens)
    {
        var plain = JsonSerializer.SerializeToUtf8Bytes(tokens);
        var result = new byte[NonceSize + TagSize + plain.Length];
        RandomNumberGenerator.Fill(result.AsSpan(0, NonceSize));
        using var cipher = new AesGcm(Key(session), TagSize);
        cipher.Encrypt(result.AsSpan(0, NonceSize), plain, result.AsSpan(NonceSize + TagSize), result.AsSpan(NonceSize, TagSize));
        return result;
    }

    /// <summary>Null when it was not sealed for this session.</summary>
    public static StoredTokens? Open(BrowserSession session, byte[] sealedTokens)
    {
        if (sealedTokens.Length <= NonceSize + TagSize) return null;
        var plain = new byte[sealedTokens.Length - NonceSize - TagSize];
        using var cipher = new AesGcm(Key(session), TagSize);
        try
        {
            cipher.Decrypt(sealedTokens.AsSpan(0, NonceSize), sealedTokens.AsSpan(NonceSize + TagSize), sealedTokens.AsSpan(NonceSize, TagSize), plain);
        }
        catch (AuthenticationTagMismatchException)
        {
            return null;
        }
        return JsonSerializer.Deserialize<StoredTokens>(plain);
    }

    private static byte[] Key(BrowserSession session) =>
        HKDF.DeriveKey(HashAlgorithmName.SHA256, Encoding.UTF8.GetBytes(session.SessionId), 32, info: "chat browser session"u8.ToArray());
}
