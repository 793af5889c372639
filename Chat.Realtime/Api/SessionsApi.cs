using Chat.Contracts;
using Chat.Contracts.Api;
using Chat.Realtime.Accounts;
using Chat.Realtime.Auth;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Chat.Realtime.Api;

/// <summary>Where the caller is signed in.</summary>
internal static class SessionsApi
{
    public static void MapSessions(this IEndpointRouteBuilder api)
    {
        var sessions = api.MapGroup("/me/sessions").WithTags("Sessions");
        sessions.MapGet("", ListAsync).WithName("GetSessions").WithSummary("The caller's sessions, newest use first");
        sessions.MapDelete("/{sessionId}", EndAsync).WithName("EndSession").WithSummary("End a session and its connections");
    }

    private static async Task<Ok<IReadOnlyList<SessionInfo>>> ListAsync(ConnectedUser user, SignIns signIns, CancellationToken cancellationToken) =>
        TypedResults.Ok(await signIns.ListAsync(user, cancellationToken));

    private static async Task<NoContent> EndAsync(string sessionId, ConnectedUser user, SignIns signIns, CancellationToken cancellationToken) =>
        await signIns.EndAsync(user.UserId, sessionId, cancellationToken)
            ? TypedResults.NoContent()
            : throw new ChatException(ErrorCodes.NotFound, "There is no such session.");
}
