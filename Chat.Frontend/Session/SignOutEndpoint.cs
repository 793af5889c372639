using Microsoft.AspNetCore.Antiforgery;

namespace Chat.Frontend.Session;

/// <summary><c>POST /logout</c>, from a form with an antiforgery token.</summary>
public static class SignOutEndpoint
{
    public static void MapSignOut(this IEndpointRouteBuilder routes) =>
        routes.MapPost("/logout", SignOutAsync).WithName("SignOut");

    private static async Task<IResult> SignOutAsync(HttpContext context, IAntiforgery antiforgery, SignIn signIn)
    {
        if (!await antiforgery.IsRequestValidAsync(context)) return TypedResults.BadRequest();
        await signIn.OutAsync(context);
        return TypedResults.LocalRedirect("/login");
    }
}
