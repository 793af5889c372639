using Chat.Contracts;
using Chat.Contracts.Api;

namespace Chat.Client;

/// <summary>
/// The tokens of one signed-in session, refreshed before they expire. One refresh at a time: a refresh token is good for one use,
/// and using it twice ends the session. Meant as the provider of <see cref="ChatClientOptions.AccessTokenProvider"/> and <see cref="ChatApi"/>.
/// </summary>
/// <param name="api">Calls the refresh; needs no token provider of its own.</param>
/// <param name="session">The session that register, login or an earlier refresh returned.</param>
/// <param name="timeProvider">Clock.</param>
public sealed class SessionTokens(ChatApi api, Session session, TimeProvider? timeProvider = null)
{
    // Earlier than the connection renews its session (60 s before the end), so that it then gets a new token.
    private static readonly TimeSpan RefreshBefore = TimeSpan.FromSeconds(90);

    private readonly TimeProvider _time = timeProvider ?? TimeProvider.System;
    private readonly Lock _gate = new();
    private DateTimeOffset _expiresAt = (timeProvider ?? TimeProvider.System).GetUtcNow().AddSeconds(session.ExpiresIn);
    private Task<string?>? _refreshing;
    private string? _refused;
    private bool _ended;

    /// <summary>The current tokens; store the refresh token of these.</summary>
    public Session Current { get; private set; } = session;

    /// <summary>Raised after each refresh with the new tokens.</summary>
    public event Action<Session>? Refreshed;

    /// <summary>A valid access token; null when the session has ended.</summary>
    /// <exception cref="ChatException"><c>unavailable</c> when the token has expired and the server cannot be reached.</exception>
    public Task<string?> GetAccessTokenAsync(CancellationToken cancellationToken = default)
    {
        lock (_gate)
        {
            if (_ended) return Task.FromResult<string?>(null);
            // One that failed is over: the next caller tries again.
            if (_refreshing is { IsFaulted: true }) _refreshing = null;
            if (_refreshing is null && Left > Margin && Current.AccessToken != _refused) return Task.FromResult<string?>(Current.AccessToken);
            // Callers share the refresh and cannot cancel it: an answer that nobody reads would have used up the refresh token.
            return (_refreshing ??= RefreshAsync()).WaitAsync(cancellationToken);
        }
    }

    /// <summary>Says that the server refused <paramref name="accessToken"/>: the next call refreshes, whatever the clock says.</summary>
    public void Refuse(string accessToken)
    {
        lock (_gate) _refused = accessToken;
    }

    private TimeSpan Left => _expiresAt - _time.GetUtcNow();

    // A token with a very short life is used for most of it, not refreshed at each call.
    private TimeSpan Margin => TimeSpan.FromSeconds(Math.Min(RefreshBefore.TotalSeconds, Current.ExpiresIn / 4.0));

    private async Task<string?> RefreshAsync()
    {
        await Task.Yield(); // out of the caller's lock
        try
        {
            var session = await api.RefreshAsync(Current.RefreshToken, CancellationToken.None);
            lock (_gate)
            {
                Current = session;
                _expiresAt = _time.GetUtcNow().AddSeconds(session.ExpiresIn);
                _refreshing = null;
            }
            Refreshed?.Invoke(session);
            return session.AccessToken;
        }
        catch (ChatException e)
        {
            lock (_gate)
            {
                _refreshing = null;
                _ended = e.Code == ErrorCodes.Unauthorized;
                if (_ended) return null;
                if (Left > TimeSpan.Zero && Current.AccessToken != _refused) return Current.AccessToken; // still good; the next call tries again
            }
            throw;
        }
    }
}
