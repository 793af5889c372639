using Chat.Contracts.Api;
using Chat.Realtime.Accounts;
using Chat.Realtime.Auth;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Chat.Realtime.Api;

/// <summary>Registration, sign-in, refresh, tickets.</summary>
internal static class AuthApi
{
    public static void MapAuth(this IEndpointRouteBuilder api)
    {
        var auth = api.MapGroup("/auth").WithTags("Auth");
        auth.MapPost("/register", RegisterAsync).WithName("Register").WithSummary("Make an account and sign in");
        auth.MapGet("/register", DescribeRegistrationAsync).WithName("DescribeRegistration").WithSummary("What a registration takes now, and whether it would be the first");
        auth.MapPost("/login", LoginAsync).WithName("Login").WithSummary("Sign in with a password");
        auth.MapPost("/refresh", RefreshAsync).WithName("Refresh").WithSummary("Trade a refresh token for a new session; it works once");
        auth.MapPost("/logout", LogOutAsync).WithName("Logout").WithSummary("End the session of a refresh token and its connections");
        auth.MapPost("/ticket", TicketAsync).WithName("Ticket").WithSummary("Get a one-time ticket for a WebSocket handshake")
            .RequireAuthorization().AddEndpointFilter<RequestLimit>();
    }

    private static async Task<Created<Session>> RegisterAsync(
        RegisterRequest request, Registration registration, HttpContext context, CancellationToken cancellationToken) =>
        TypedResults.Created("/api/me", await registration.RegisterAsync(request, UserAgent(context), cancellationToken));

    private static async Task<Ok<RegistrationInfo>> DescribeRegistrationAsync(Registration registration, CancellationToken cancellationToken) =>
        TypedResults.Ok(await registration.DescribeAsync(cancellationToken));

    private static async Task<Ok<Session>> LoginAsync(
        LoginRequest request, PasswordLogin login, HttpContext context, CancellationToken cancellationToken) =>
        TypedResults.Ok(await login.LoginAsync(request, Address(context), UserAgent(context), cancellationToken));

    private static async Task<Ok<Session>> RefreshAsync(RefreshRequest request, SignIns signIns, CancellationToken cancellationToken) =>
        TypedResults.Ok(await signIns.RefreshAsync(request.RefreshToken, cancellationToken));

    private static async Task<NoContent> LogOutAsync(RefreshRequest request, SignIns signIns, CancellationToken cancellationToken)
    {
        await signIns.LogOutAsync(request.RefreshToken, cancellationToken);
        return TypedResults.NoContent();
    }

    private static async Task<Ok<Ticket>> TicketAsync(ConnectedUser user, Tickets tickets) => TypedResults.Ok(await tickets.IssueAsync(user));

    internal static string Address(HttpContext context) => context.Connection.RemoteIpAddress?.ToString() ?? "";

    private static string UserAgent(HttpContext context) => context.Request.Headers.UserAgent.ToString();
}
