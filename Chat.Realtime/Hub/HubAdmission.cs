using Chat.Contracts;
using Chat.Realtime.Api;
using Chat.Realtime.Auth;
using Chat.Realtime.Connections;

namespace Chat.Realtime.Hub;

/// <summary>Who may reach the hub, decided before it sees the request.</summary>
internal sealed class HubAdmission(OpeningRules rules, TokenAuthenticator authenticator, DrainState drain)
{
    public async Task HandleAsync(HttpContext context, RequestDelegate next)
    {
        try
        {
            await rules.CheckAsync(context, Opens(context.Request));
            if (await authenticator.OfHubAsync(context, context.RequestAborted) is null)
                throw new ChatException(ErrorCodes.Unauthorized, "The access token is missing, wrong or expired.");
        }
        catch (ChatException refused)
        {
            await ProblemAnswer.WriteAsync(context, refused);
            return;
        }
        drain.EnterTransport(); // it outlives its connection: the close of the hub's connection is written after the session's end
        try
        {
            await next(context);
        }
        finally
        {
            drain.LeaveTransport();
        }
    }

    // A connection begins with its negotiation, or without one; the requests that follow name it.
    private static bool Opens(HttpRequest request) => !request.Query.ContainsKey("id");
}
