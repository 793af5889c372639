namespace Chat.Frontend.Security;

/// <summary>
/// Tells the browser to run and load only what this origin serves: no inline script or style, no foreign image, no frame around the page.
/// Markup in messages is sanitised; this holds if the sanitiser ever does not.
/// </summary>
public static class ContentSecurityPolicy
{
    // data: is the arrow of select in chat.css. 'self' in connect-src covers the circuit's WebSocket of the same origin.
    private const string Policy =
        "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; " +
        "object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'";

    public static void UseContentSecurityPolicy(this IApplicationBuilder app) => app.Use(async (context, next) =>
    {
        var headers = context.Response.Headers;
        headers.ContentSecurityPolicy = Policy;
        headers.XContentTypeOptions = "nosniff";
        headers["Referrer-Policy"] = "same-origin";
        headers["Permissions-Policy"] = "camera=(), microphone=(), geolocation=()";
        await next(context);
    });
}
