using Chat.Contracts;

namespace Chat.Realtime.Auth;

/// <summary>Turns an access token or a one-time ticket into a user; a valid token of an unknown <c>sub</c> creates that user.</summary>
public sealed class TokenAuthenticator(AccessTokens tokens, Tickets tickets, UserDirectory users, EndedSessions ended, TimeProvider time)
{
    private const string Bearer = "Bearer ";

    /// <summary>
    /// The user of the request's bearer token, <c>access_token</c> or <c>ticket</c> (both in the query); null when there is none or it is not valid.
    /// Throws <see cref="ChatException"/> <c>unavailable</c> when it cannot be told now.
    /// </summary>
    public async Task<ConnectedUser?> AuthenticateAsync(HttpContext context, CancellationToken cancellationToken)
    {
        if (context.Request.Headers.Authorization.Count > 0) return await OfHeaderAsync(context, cancellationToken);
        if (context.Request.Query["access_token"] is [{ Length: > 0 } token]) return await ValidateAsync(token, cancellationToken);
        if (context.Request.Query["ticket"] is [{ Length: > 0 } ticket]) return await RedeemAsync(ticket, cancellationToken);
        return null;
    }

    /// <summary>As hub clients say who they are: the bearer token, or <c>access_token</c> in the query where a browser cannot set headers.</summary>
    public Task<ConnectedUser?> OfHubAsync(HttpContext context, CancellationToken cancellationToken) =>
        context.Request.Headers.Authorization.Count == 0 && context.Request.Query["access_token"] is [{ Length: > 0 } token]
            ? ValidateAsync(token, cancellationToken)
            : OfHeaderAsync(context, cancellationToken);

    /// <summary>The user of the request's bearer token alone.</summary>
    public async Task<ConnectedUser?> OfHeaderAsync(HttpContext context, CancellationToken cancellationToken) =>
        context.Request.Headers.Authorization is [{ } header] && header.StartsWith(Bearer, StringComparison.OrdinalIgnoreCase)
            ? await ValidateAsync(header[Bearer.Length..].Trim(), cancellationToken)
            : null;

    /// <summary>The user of an access token; null when it is not valid.</summary>
    public async Task<ConnectedUser?> ValidateAsync(string accessToken, CancellationToken cancellationToken) =>
        await tokens.ReadAsync(accessToken, cancellationToken) is { } claims ? await ResolveAsync(claims, cancellationToken) : null;

    private async Task<ConnectedUser?> RedeemAsync(string ticket, CancellationToken cancellationToken) =>
        await tickets.RedeemAsync(ticket) is { } claims && claims.ExpiresAt > time.GetUtcNow() ? await ResolveAsync(claims, cancellationToken) : null;

    private async Task<ConnectedUser?> ResolveAsync(TokenClaims claims, CancellationToken cancellationToken)
    {
        if (claims.SessionId is { } sessionId && ended.Contains(sessionId)) return null;
        var user = await users.GetOrCreateAsync(claims, cancellationToken);
        return user.Disabled
            ? null
            : new ConnectedUser(user.UserId, user.UserName, user.DisplayName, user.Admin, claims.SessionId, claims.ExpiresAt);
    }
}
