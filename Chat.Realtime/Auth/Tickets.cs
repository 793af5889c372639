using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Chat.Contracts;
using Chat.Contracts.Api;
using StackExchange.Redis;

namespace Chat.Realtime.Auth;

/// <summary>
/// One-time tickets for a handshake, which keep long-lived tokens out of access logs. A ticket is taken and removed by one command (GETDEL),
/// so of two who present it at once exactly one gets in.
/// </summary>
public sealed class Tickets(IConnectionMultiplexer redis)
{
    private static readonly TimeSpan Lifetime = TimeSpan.FromSeconds(30);
    private const int Bytes = 32;
    private const int Length = 43; // base64url of 32 bytes

    /// <summary>A ticket for the caller, which lives no longer than the token that asked for it.</summary>
    public async Task<Ticket> IssueAsync(ConnectedUser user)
    {
        var ticket = Convert.ToBase64String(RandomNumberGenerator.GetBytes(Bytes)).TrimEnd('=').Replace('+', '-').Replace('/', '_');
        var text = string.Create(CultureInfo.InvariantCulture, $"{user.UserId}\n{user.UserName}\n{user.DisplayName}\n{user.SessionId}\n{user.ExpiresAt.ToUnixTimeMilliseconds()}");
        try
        {
            await redis.GetDatabase().StringSetAsync(Key(ticket), text, Lifetime);
        }
        catch (Exception e) when (e is RedisException or TimeoutException)
        {
            throw new ChatException(ErrorCodes.Unavailable, "Tickets cannot be given out now.", 1000);
        }
        return new Ticket(ticket, (int)Lifetime.TotalSeconds);
    }

    /// <summary>What the ticket stands for; null when it is unknown, used or over 30 s old.</summary>
    public async Task<TokenClaims?> RedeemAsync(string ticket)
    {
        if (ticket.Length != Length) return null;
        string? text;
        try
        {
            text = await redis.GetDatabase().StringGetDeleteAsync(Key(ticket));
        }
        catch (Exception e) when (e is RedisException or TimeoutException)
        {
            throw new ChatException(ErrorCodes.Unavailable, "Tickets cannot be checked now.", 1000);
        }
        if (text?.Split('\n') is not [var userId, var userName, var displayName, var sessionId, var expires]) return null;
        return new TokenClaims(userId, userName, displayName is "" ? null : displayName, sessionId is "" ? null : sessionId,
            DateTimeOffset.FromUnixTimeMilliseconds(long.Parse(expires, CultureInfo.InvariantCulture)));
    }

    // The hash: who reads Redis' keys learns no ticket.
    private static string Key(string ticket) => RedisKeys.Ticket(Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(ticket))));
}
