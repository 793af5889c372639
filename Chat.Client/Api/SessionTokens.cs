using Chat.Contracts.Api;

namespace Chat.Client;

/// <summary>
/// The tokens of one signed-in session, refreshed before they expire. One refresh at a time: a refresh token is good for one use,
/// and using it twice ends the session. Meant as the provider of <see cref="ChatClientOptions.AccessTokenProvider"/> and <see cref="ChatApi"/>.
/// </summary>
public sealed class SessionTokens(ChatApi api, Session session, TimeProvider? timeProvider = null)
{
    /// <summary>The current tokens; store the refresh token of these.</summary>
    public Session Current { get; private set; } = session;

    /// <summary>Raised after each refresh with the new tokens.</summary>
    public event Action<Session>? Refreshed;

    /// <summary>A valid access token; null when the session has ended.</summary>
    public Task<string?> GetAccessTokenAsync(CancellationToken cancellationToken = default) => throw new NotImplementedException();
}
