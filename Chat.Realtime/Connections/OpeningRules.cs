using System.Net;
using Chat.Contracts;
using Chat.ServiceDefaults;

namespace Chat.Realtime.Connections;

/// <summary>
/// What is asked of a newcomer before who they are, at every door alike: the node stays, the page may connect, the address has not come too often. The
/// origin stands before the token: a foreign page must not even spend a ticket.
/// </summary>
internal sealed class OpeningRules(AllowedOrigins origins, ConnectionLimits limits, DrainState drain)
{
    private const int RetryAfterMs = 1_000;

    /// <summary>Throws <see cref="ChatException"/> <c>unavailable</c>, <c>forbidden</c> or <c>rate_limited</c>.</summary>
    /// <param name="context">The request.</param>
    /// <param name="opens">False for further requests of a connection that was let in before.</param>
    public async Task CheckAsync(HttpContext context, bool opens = true)
    {
        if (opens && drain.IsDraining)
        {
            context.Response.Headers[DrainingAnswer.Header] = DrainingAnswer.Value;
            throw new ChatException(ErrorCodes.Unavailable, "This node is stopping; connect again.", RetryAfterMs);
        }
        if (!origins.Allow(context.Request)) throw new ChatException(ErrorCodes.Forbidden, "This origin may not connect.");
        if (opens && await limits.TakeHandshakeAsync(AddressOf(context), context.RequestAborted) is { } wait)
            throw new ChatException(ErrorCodes.RateLimited, "Too many connections from this address.", wait);
    }

    public static IPAddress AddressOf(HttpContext context) => context.Connection.RemoteIpAddress ?? IPAddress.None;
}
