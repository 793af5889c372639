using System.Security.Claims;
using System.Text.Encodings.Web;
using Chat.Contracts;
using Microsoft.AspNetCore.Authentication;
using Microsoft.Extensions.Options;

namespace Chat.Realtime.Auth;

/// <summary>Bearer authentication of the HTTP API, by the same <see cref="TokenAuthenticator"/> as every other way in.</summary>
public sealed class BearerAuthentication(
    TokenAuthenticator authenticator, IOptionsMonitor<AuthenticationSchemeOptions> options, ILoggerFactory loggers, UrlEncoder encoder)
    : AuthenticationHandler<AuthenticationSchemeOptions>(options, loggers, encoder)
{
    public const string SchemeName = "Bearer";

    protected override async Task<AuthenticateResult> HandleAuthenticateAsync()
    {
        // No result rather than a failure: that would be a line in the log for every stale token.
        if (await authenticator.OfHeaderAsync(Context, Context.RequestAborted) is not { } user) return AuthenticateResult.NoResult();
        Context.Features.Set(user);
        var identity = new ClaimsIdentity([new Claim(ClaimTypes.NameIdentifier, user.UserId)], Scheme.Name);
        return AuthenticateResult.Success(new AuthenticationTicket(new ClaimsPrincipal(identity), Scheme.Name));
    }

    protected override Task HandleChallengeAsync(AuthenticationProperties properties)
    {
        Response.Headers.WWWAuthenticate = "Bearer";
        throw new ChatException(ErrorCodes.Unauthorized, "A valid access token is needed.");
    }
}
