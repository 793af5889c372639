using Chat.Contracts;
using Microsoft.Extensions.Logging;

namespace Chat.Client.Connecting;

/// <summary>
/// Sends a fresh token before the server's session expires, so that an open connection outlives its token. Where that fails the
/// server closes with 4401, and the next handshake asks the provider again.
/// </summary>
internal sealed partial class SessionRenewal(ChatClientOptions options, ILogger logger)
{
    private static readonly TimeSpan MaxLead = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan MinPause = TimeSpan.FromSeconds(1);
    // Longer delays than 49 days are refused by timers; a day is as good.
    private static readonly TimeSpan MaxDelay = TimeSpan.FromDays(1);

    /// <summary>Runs until the connection ends, or nobody is signed in any more.</summary>
    public async Task RunAsync(ChatLink link, CancellationToken connectionEnded)
    {
        if (link.Welcome.SessionExpiresAt is not { } expiresAt) return;
        // Expiry is told by the server's clock; what this machine's clock is ahead of it must not count.
        var ahead = link.Welcome.Timestamp is { } sent ? options.TimeProvider.GetUtcNow() - sent : TimeSpan.Zero;
        expiresAt += ahead;
        var lead = LeadOf(expiresAt);
        while (true)
        {
            await DelayUntilAsync(expiresAt - lead, connectionEnded);
            var renewed = await TryRenewAsync(link, connectionEnded);
            if (renewed + ahead is { } later && later > expiresAt)
            {
                expiresAt = later;
                lead = LeadOf(expiresAt);
            }
            else
            {
                // Tried again at half of the time that is left, and a last time shortly before the end.
                lead /= 2;
                if (lead < MinPause) return;
            }
        }
    }

    // A fifth of a short session's life, so that even those of tests get their time.
    private TimeSpan LeadOf(DateTimeOffset expiresAt)
    {
        var fifth = (expiresAt - options.TimeProvider.GetUtcNow()) / 5;
        return fifth < MaxLead ? fifth : MaxLead;
    }

    private async Task DelayUntilAsync(DateTimeOffset time, CancellationToken connectionEnded)
    {
        while (time - options.TimeProvider.GetUtcNow() is { Ticks: > 0 } left)
            await Task.Delay(left < MaxDelay ? left : MaxDelay, options.TimeProvider, connectionEnded);
    }

    /// <returns>When the session expires now; null when it was not renewed.</returns>
    private async Task<DateTimeOffset?> TryRenewAsync(ChatLink link, CancellationToken connectionEnded)
    {
        try
        {
            using var timeout = new CancellationTokenSource(options.RequestTimeout, options.TimeProvider);
            using var either = CancellationTokenSource.CreateLinkedTokenSource(timeout.Token, connectionEnded);
            var token = await options.AccessTokenProvider(either.Token).WaitAsync(either.Token);
            if (token is null || token == link.AccessToken) return null;
            var command = new ClientCommand { EventType = CommandTypes.Authenticate, AccessToken = token };
            var ack = Requests.ThrowIfRefused(await link.RequestAsync(command, onReply: null, either.Token));
            link.AccessToken = token;
            return ack.SessionExpiresAt;
        }
        catch (Exception e) when (!connectionEnded.IsCancellationRequested && e is not ConnectionLostException)
        {
            Log.NotRenewed(logger, e);
            return null;
        }
    }

    private static partial class Log
    {
        [LoggerMessage(1, LogLevel.Warning, "The session of the connection could not be renewed; tried again before it expires")]
        public static partial void NotRenewed(ILogger logger, Exception exception);
    }
}
