using Chat.Contracts.Api;
using Chat.Realtime.Accounts;
using Chat.Realtime.Auth;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Chat.Realtime.Api;

/// <summary>The caller's own account, and other users.</summary>
internal static class ProfileApi
{
    public static void MapProfile(this IEndpointRouteBuilder api)
    {
        var users = api.MapGroup("").WithTags("Users");
        users.MapGet("/me", MeAsync).WithName("GetMe").WithSummary("The caller");
        users.MapPatch("/me", ChangeAsync).WithName("ChangeMe").WithSummary("Set the display name; an empty one removes it");
        users.MapPut("/me/password", ChangePasswordAsync).WithName("ChangePassword").WithSummary("Set a new password; other sessions end");
        users.MapGet("/users", SearchAsync).WithName("FindUsers").WithSummary("Users whose name starts with q");
        users.MapGet("/users/{userId}", GetAsync).WithName("GetUser").WithSummary("One user");
    }

    private static async Task<Ok<UserInfo>> MeAsync(ConnectedUser user, Profiles profiles, CancellationToken cancellationToken) =>
        TypedResults.Ok(await profiles.GetAsync(user.UserId, cancellationToken));

    private static async Task<Ok<UserInfo>> ChangeAsync(
        ProfileChange change, ConnectedUser user, Profiles profiles, CancellationToken cancellationToken) =>
        TypedResults.Ok(await profiles.ChangeAsync(user, change, cancellationToken));

    private static async Task<NoContent> ChangePasswordAsync(
        PasswordChange change, ConnectedUser user, PasswordLogin login, HttpContext context, CancellationToken cancellationToken)
    {
        await login.ChangeAsync(user, change, AuthApi.Address(context), cancellationToken);
        return TypedResults.NoContent();
    }

    private static async Task<Ok<IReadOnlyList<UserInfo>>> SearchAsync(
        string? q, int? limit, string? after, Profiles profiles, HttpContext context, CancellationToken cancellationToken)
    {
        var size = Paging.Limit(limit);
        var found = await profiles.SearchAsync(q ?? "", Paging.Place(after), size, cancellationToken);
        return TypedResults.Ok(Paging.Page(context, found, size, u => u.UserName));
    }

    private static async Task<Ok<UserInfo>> GetAsync(string userId, Profiles profiles, CancellationToken cancellationToken) =>
        TypedResults.Ok(await profiles.GetAsync(userId, cancellationToken));
}
