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

    private static async Task<Ok<IReadOnlyList<SessionInfo>>> ListAsync(
        int? limit, string? after, ConnectedUser user, SignIns signIns, HttpContext context, CancellationToken cancellationToken)
    {
        var size = Paging.Limit(limit, Paging.MaxLimit);
        var sessions = await signIns.ListAsync(user, Paging.Place(after), size, cancellationToken);
        return TypedResults.Ok(Paging.Page(context, sessions, size, SignIns.PlaceOf));
    }

    private static async Task<NoContent> EndAsync(string sessionId, ConnectedUser user, SignIns signIns, CancellationToken cancellationToken) =>
        await signIns.EndAsync(user.UserId, sessionId, cancellationToken)
            ? TypedResults.NoContent()
            : throw new ChatException(ErrorCodes.NotFound, "There is no such session.");
}
