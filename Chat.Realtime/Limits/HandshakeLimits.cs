using System.Globalization;
using Chat.Contracts;
using Chat.Contracts.Api;
using Microsoft.Extensions.Options;

namespace Chat.Realtime.Limits;

/// <summary>
/// Limits of a client address at the door, before anything is spent on a handshake: how many in a second over all nodes, and how many
/// connections are open to this node. Refused with 429.
/// </summary>
internal sealed class HandshakeLimits(RequestDelegate next, RateLimiter limiter, IOptions<LimitOptions> options)
{
    // When another connection of the address closes nobody knows; this is when to look again.
    private const int AddressFullRetryMs = 5_000;

    private readonly Lock _gate = new();
    private readonly Dictionary<string, int> _open = [];

    public async Task InvokeAsync(HttpContext context)
    {
        var address = context.Connection.RemoteIpAddress?.ToString();
        if (address is null || !options.Value.Enabled)
        {
            await next(context);
            return;
        }
        if (await limiter.TakeHandshakeAsync(address, context.RequestAborted) is { } wait)
        {
            await RefuseAsync(context, wait, "Too many handshakes from this address.");
            return;
        }
        if (!TryEnter(address))
        {
            await RefuseAsync(context, AddressFullRetryMs, "Too many connections from this address.");
            return;
        }
        try
        {
            await next(context);
        }
        finally
        {
            Leave(address);
        }
    }

    private bool TryEnter(string address)
    {
        var limit = options.Value.ConnectionsPerAddress;
        lock (_gate)
        {
            var open = _open.GetValueOrDefault(address);
            if (limit != 0 && open >= limit) return false;
            _open[address] = open + 1;
            return true;
        }
    }

    private void Leave(string address)
    {
        lock (_gate)
        {
            if (--_open[address] == 0) _open.Remove(address);
        }
    }

    private static Task RefuseAsync(HttpContext context, int retryAfterMs, string detail)
    {
        context.Response.StatusCode = StatusCodes.Status429TooManyRequests;
        context.Response.Headers.RetryAfter = ((retryAfterMs + 999) / 1000).ToString(CultureInfo.InvariantCulture);
        return context.Response.WriteAsJsonAsync(
            new Problem(null, "Too Many Requests", StatusCodes.Status429TooManyRequests, detail, ErrorCodes.RateLimited, retryAfterMs),
            ChatJson.Wire.Problem, "application/problem+json", context.RequestAborted);
    }
}

internal static class HandshakeLimitsExtensions
{
    private const string SocketPath = "/ws";

    /// <summary>After <c>UseTrustedProxy</c>, which says whose handshake it is.</summary>
    public static IApplicationBuilder UseHandshakeLimits(this IApplicationBuilder app) =>
        app.UseWhen(context => context.Request.Path == SocketPath, sockets => sockets.UseMiddleware<HandshakeLimits>());
}
