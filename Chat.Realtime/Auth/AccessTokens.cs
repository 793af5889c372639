using System.Security.Claims;
using Chat.Contracts;
using Microsoft.Extensions.Options;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;

namespace Chat.Realtime.Auth;

/// <summary>What an access token says, once its signature and times are verified.</summary>
/// <param name="Name">The <c>name</c> claim as it stands there; null when it has none.</param>
public sealed record TokenClaims(string UserId, string? Name, string? DisplayName, string? SessionId, DateTimeOffset ExpiresAt);

/// <summary>
/// Makes and checks access tokens (JWT, HS256). Nothing in a token's header chooses how it is checked: one key, one algorithm;
/// <c>jku</c> and <c>x5u</c> are not looked at. Tokens of other issuers are checked by <see cref="ForeignIssuers"/> rules.
/// </summary>
public sealed class AccessTokens
{
    public static readonly TimeSpan Lifetime = TimeSpan.FromMinutes(15);
    internal const string Issuer = "chat";
    private const string Type = "at+jwt"; // RFC 9068
    private const int MaxTokenLength = 8 * 1024;
    // Hosts' clocks differ a little; a token that expired 31 s ago must be refused.
    private static readonly TimeSpan Skew = TimeSpan.FromSeconds(5);

    private readonly JsonWebTokenHandler _handler = new() { SetDefaultTimesOnTokenCreation = false, MapInboundClaims = false, MaximumTokenSizeInBytes = MaxTokenLength };
    private readonly SigningCredentials _credentials;
    private readonly TokenValidationParameters _rules;
    private readonly ForeignIssuers _foreign;
    private readonly TimeProvider _time;

    public AccessTokens(IOptions<AuthOptions> options, ForeignIssuers foreign, TimeProvider time)
    {
        (_foreign, _time) = (foreign, time);
        var key = new SymmetricSecurityKey(Convert.FromBase64String(options.Value.SigningKey));
        _credentials = new SigningCredentials(key, SecurityAlgorithms.HmacSha256);
        _rules = new TokenValidationParameters
        {
            IssuerSigningKey = key,
            ValidAlgorithms = [SecurityAlgorithms.HmacSha256],
            ValidIssuer = Issuer,
            ValidAudience = Issuer,
            RequireSignedTokens = true,
            RequireExpirationTime = true,
            LifetimeValidator = (notBefore, expires, _, _) => IsAlive(notBefore, expires),
            TypeValidator = (type, _, _) => IsAccessToken(type) ? Type : throw new SecurityTokenInvalidTypeException("Not an access token"),
        };
    }

    /// <summary>A token of <paramref name="user"/>, valid for <see cref="Lifetime"/>.</summary>
    public string Issue(string userId, string userName, string? displayName, string sessionId)
    {
        var now = _time.GetUtcNow();
        var claims = new Dictionary<string, object>
        {
            [JwtRegisteredClaimNames.Sub] = userId,
            [JwtRegisteredClaimNames.Name] = userName,
            [JwtRegisteredClaimNames.Sid] = sessionId,
        };
        if (displayName is not null) claims["display_name"] = displayName;
        return _handler.CreateToken(new SecurityTokenDescriptor
        {
            TokenType = Type,
            Issuer = Issuer,
            Audience = Issuer,
            IssuedAt = now.UtcDateTime,
            Expires = (now + Lifetime).UtcDateTime,
            Claims = claims,
            SigningCredentials = _credentials,
        });
    }

    /// <summary>What the token says; null when it is not a valid access token.</summary>
    /// <exception cref="ChatException"><c>unavailable</c>: it is a foreign issuer's, whose keys cannot be read now.</exception>
    public async ValueTask<TokenClaims?> ReadAsync(string token, CancellationToken cancellationToken = default)
    {
        if (token.Length > MaxTokenLength || !_handler.CanReadToken(token) || Parse(token) is not { } parsed) return null;
        // RFC 7515: an extension that is marked critical and not understood makes a token invalid.
        if (parsed.TryGetHeaderValue<object>("crit", out _)) return null;
        return _foreign.Know(parsed.Issuer) ? await ReadForeignAsync(parsed, cancellationToken) : await ReadOwnAsync(parsed);
    }

    private async ValueTask<TokenClaims?> ReadOwnAsync(JsonWebToken parsed)
    {
        var result = await _handler.ValidateTokenAsync(parsed, _rules);
        return result is { IsValid: true, SecurityToken: JsonWebToken jwt } ? Claims(jwt, prefix: "", Text(jwt, JwtRegisteredClaimNames.Sid)) : null;
    }

    // Its sessions are not ours: what it calls one says nothing here.
    private async ValueTask<TokenClaims?> ReadForeignAsync(JsonWebToken parsed, CancellationToken cancellationToken) =>
        await _foreign.ValidateAsync(parsed, _handler, _rules, cancellationToken) is var (jwt, prefix) ? Claims(jwt, prefix + ".", sessionId: null) : null;

    private static TokenClaims? Claims(JsonWebToken jwt, string prefix, string? sessionId) =>
        Text(jwt, JwtRegisteredClaimNames.Sub) is { Length: > 0 } sub && UserNames.IsValidUserId(prefix + sub)
            ? new TokenClaims(prefix + sub, Text(jwt, JwtRegisteredClaimNames.Name), Text(jwt, "display_name"), sessionId, new DateTimeOffset(jwt.ValidTo, TimeSpan.Zero))
            : null;

    private JsonWebToken? Parse(string token)
    {
        try
        {
            return _handler.ReadJsonWebToken(token);
        }
        catch (Exception e) when (e is ArgumentException or SecurityTokenException or System.Text.Json.JsonException)
        {
            return null; // three parts, but not of a token
        }
    }

    private static string? Text(JsonWebToken token, string claim) =>
        token.TryGetClaim(claim, out var found) && found.ValueType == ClaimValueTypes.String ? found.Value : null;

    private bool IsAlive(DateTime? notBefore, DateTime? expires)
    {
        var now = _time.GetUtcNow().UtcDateTime;
        return expires > now - Skew && (notBefore is null || notBefore <= now + Skew);
    }

    // Applications mint tokens with common libraries, which write "JWT" or nothing.
    private static bool IsAccessToken(string? type) =>
        string.IsNullOrEmpty(type) || type.Equals("JWT", StringComparison.OrdinalIgnoreCase) || type.Equals(Type, StringComparison.OrdinalIgnoreCase);
}
