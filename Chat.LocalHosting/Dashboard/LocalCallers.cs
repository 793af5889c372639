using System.Net;
using Microsoft.AspNetCore.Http;

namespace Chat.LocalHosting.Dashboard;

/// <summary>
/// Refuses what did not come from this machine's own user. A foreign <c>Host</c> is a name that somebody made point here (DNS rebinding);
/// a foreign <c>Origin</c> is another site's page in the user's browser.
/// </summary>
internal static class LocalCallers
{
    private const string Policy = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

    public static Task RequireAsync(HttpContext context, RequestDelegate next)
    {
        var request = context.Request;
        var origin = request.Headers.Origin;
        if (!IsLoopback(request.Host.Host) || (origin.Count > 0 && origin != $"{request.Scheme}://{request.Host}"))
        {
            context.Response.StatusCode = StatusCodes.Status403Forbidden;
            return Task.CompletedTask;
        }
        context.Response.Headers.ContentSecurityPolicy = Policy;
        context.Response.Headers.XContentTypeOptions = "nosniff";
        context.Response.Headers.CacheControl = "no-store";
        return next(context);
    }

    private static bool IsLoopback(string host) =>
        host.Equals("localhost", StringComparison.OrdinalIgnoreCase)
        || (IPAddress.TryParse(host.Trim('[', ']'), out var address) && IPAddress.IsLoopback(address));
}
