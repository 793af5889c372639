namespace Chat.Realtime.Auth;

/// <summary>Turns an access token or a one-time ticket into a user; a valid token of an unknown <c>sub</c> creates that user.</summary>
public sealed class TokenAuthenticator
{
    /// <summary>The user of the request's bearer token, <c>access_token</c> or <c>ticket</c> (both in the query); null when there is none or it is not valid.</summary>
    public Task<ConnectedUser?> AuthenticateAsync(HttpContext context, CancellationToken cancellationToken) => throw new NotImplementedException();

    /// <summary>The user of an access token; null when it is not valid.</summary>
    public Task<ConnectedUser?> ValidateAsync(string accessToken, CancellationToken cancellationToken) => throw new NotImplementedException();
}
