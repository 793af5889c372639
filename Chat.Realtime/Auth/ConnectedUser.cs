namespace Chat.Realtime.Auth;

/// <summary>Who stands behind a connection or a request.</summary>
/// <param name="SessionId">The sign-in that issued the token; null for tokens minted by an application's own servers.</param>
/// <param name="ExpiresAt">End of the access token.</param>
public sealed record ConnectedUser(string UserId, string UserName, string? DisplayName, bool Admin, string? SessionId, DateTimeOffset ExpiresAt)
{
    /// <summary>The name that events carry.</summary>
    public string Name => DisplayName ?? UserName;

    /// <summary>Lets a route take its caller as a parameter; set by <see cref="BearerAuthentication"/>.</summary>
    public static ValueTask<ConnectedUser?> BindAsync(HttpContext context) => ValueTask.FromResult(context.Features.Get<ConnectedUser>());
}
