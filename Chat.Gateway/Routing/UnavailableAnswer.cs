using System.Text.Json;
using Chat.Contracts;
using Chat.Contracts.Api;
using Microsoft.Net.Http.Headers;
using Yarp.ReverseProxy.Forwarder;

namespace Chat.Gateway.Routing;

/// <summary>
/// When no target could answer, the client gets the platform's own <c>unavailable</c> with <c>Retry-After</c>; a browser that wanted a
/// page gets one that tries again by itself.
/// </summary>
public sealed class UnavailableAnswer(RequestDelegate next)
{
    private const int RetryAfterMs = 1000;

    private const string Page = """
        <!doctype html><html lang="en"><head><meta charset="utf-8"><meta http-equiv="refresh" content="2"><title>Starting</title></head>
        <body><p>Chat is starting. This page tries again by itself.</p></body></html>
        """;

    public async Task InvokeAsync(HttpContext context)
    {
        await next(context);
        if (context.Response.HasStarted || context.RequestAborted.IsCancellationRequested || !IsOurs(context.GetForwarderErrorFeature()))
            return;

        context.Response.Clear();
        if (context.GetReverseProxyFeature().Route.Config.ClusterId == GatewayRoutes.Frontends && WantsPage(context.Request))
        {
            SetStatus(context.Response);
            context.Response.ContentType = "text/html; charset=utf-8";
            await context.Response.WriteAsync(Page, context.RequestAborted);
            return;
        }
        await WriteAsync(context, "Nothing can answer this now. Try again.");
    }

    /// <summary>Answers <c>unavailable</c> with the reason.</summary>
    public static Task WriteAsync(HttpContext context, string reason)
    {
        SetStatus(context.Response);
        var problem = new Problem(null, "Service Unavailable", StatusCodes.Status503ServiceUnavailable, reason, ErrorCodes.Unavailable, RetryAfterMs);
        context.Response.ContentType = "application/problem+json";
        return context.Response.WriteAsync(JsonSerializer.Serialize(problem, ChatJson.Wire.Problem), context.RequestAborted);
    }

    private static void SetStatus(HttpResponse response)
    {
        response.StatusCode = StatusCodes.Status503ServiceUnavailable;
        response.Headers.RetryAfter = "1";
        response.Headers.CacheControl = "no-store";
    }

    // What the client itself broke (an aborted or oversized body) keeps the status that it got.
    private static bool IsOurs(IForwarderErrorFeature? error) => error is not null && error.Error is not (
        ForwarderError.None or ForwarderError.RequestCanceled or ForwarderError.RequestBodyClient or ForwarderError.RequestBodyCanceled
        or ForwarderError.RequestCreation);

    private static bool WantsPage(HttpRequest request) =>
        HttpMethods.IsGet(request.Method) && request.Headers[HeaderNames.Accept].ToString().Contains("text/html", StringComparison.Ordinal);
}
