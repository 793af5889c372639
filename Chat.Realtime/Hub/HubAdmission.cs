using System.Net;
using Chat.Contracts;
using Chat.Realtime.Api;
using Chat.Realtime.Auth;
using Chat.Realtime.Connections;

namespace Chat.Realtime.Hub;

/// <summary>Who may reach the hub, decided before it sees the request, by the same rules and in the same order as at <see cref="WebSocketEndpoint"/>.</summary>
internal sealed class HubAdmission(AllowedOrigins origins, ConnectionLimits limits, TokenAuthenticator authenticator, DrainState drain)
{
    public async Task HandleAsync(HttpContext context, RequestDelegate next)
    {
        try
        {
            await AdmitAsync(context);
        }
        catch (ChatException refused)
        {
            await ProblemAnswer.WriteAsync(context, new ProblemAnswer(ErrorCodes.HttpStatus(refused.Code), refused.Code, refused.Message, refused.RetryAfterMs));
            return;
        }
        await next(context);
    }

    private async Task AdmitAsync(HttpContext context)
    {
        var isNew = IsNew(context.Request);
        if (isNew && drain.IsDraining) throw new ChatException(ErrorCodes.Unavailable, "This node is stopping; connect again.", 1_000);
        if (!origins.Allow(context.Request)) throw new ChatException(ErrorCodes.Forbidden, "This origin may not connect.");
        if (isNew && await limits.TakeHandshakeAsync(context.Connection.RemoteIpAddress ?? IPAddress.None, context.RequestAborted) is { } wait)
            throw new ChatException(ErrorCodes.RateLimited, "Too many connections from this address.", wait);
        if (await authenticator.OfHubAsync(context, context.RequestAborted) is null)
            throw new ChatException(ErrorCodes.Unauthorized, "The access token is missing, wrong or expired.");
    }

    // A connection begins with its negotiation, or without one; the requests that follow name it.
    private static bool IsNew(HttpRequest request) => !request.Query.ContainsKey("id");
}
