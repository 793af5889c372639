using System.Security.Claims;
using System.Security.Cryptography;
using System.Text;
using Chat.Contracts.Api;
using Microsoft.AspNetCore.Authentication.Cookies;
using Microsoft.AspNetCore.WebUtilities;

namespace Chat.Frontend.Session;

/// <summary>
/// Who is at the browser: what its cookie says. The cookie holds a random session id and names; tokens never reach the browser.
/// </summary>
public sealed record BrowserSession(string SessionId, string UserId, string UserName)
{
    private const string SessionIdClaim = "chat:session";

    /// <summary>A session for someone who has just signed in.</summary>
    public static BrowserSession New(Contracts.Api.Session tokens) =>
        new(WebEncoders.Base64UrlEncode(RandomNumberGenerator.GetBytes(32)), tokens.UserId, tokens.UserName);

    public static BrowserSession? From(ClaimsPrincipal principal) =>
        principal.Identity?.IsAuthenticated == true
        && principal.FindFirstValue(SessionIdClaim) is { } sessionId
        && principal.FindFirstValue(ClaimTypes.NameIdentifier) is { } userId
        && principal.FindFirstValue(ClaimTypes.Name) is { } userName
            ? new BrowserSession(sessionId, userId, userName)
            : null;

    public ClaimsPrincipal ToPrincipal() => new(new ClaimsIdentity(
        [
            new Claim(SessionIdClaim, SessionId),
            new Claim(ClaimTypes.NameIdentifier, UserId),
            new Claim(ClaimTypes.Name, UserName),
        ],
        CookieAuthenticationDefaults.AuthenticationScheme));

    /// <summary>Name of the session in Redis: who reads Redis cannot make the cookie from it.</summary>
    public string Hash => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(SessionId)));
}
