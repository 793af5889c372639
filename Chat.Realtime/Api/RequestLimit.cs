using Chat.Contracts;
using Chat.Realtime.Auth;
using Chat.Realtime.Limits;

namespace Chat.Realtime.Api;

/// <summary>One request of a signed-in user takes one token of its bucket, over all nodes.</summary>
internal sealed class RequestLimit(RateLimiter limits) : IEndpointFilter
{
    public async ValueTask<object?> InvokeAsync(EndpointFilterInvocationContext context, EndpointFilterDelegate next)
    {
        var http = context.HttpContext;
        if (http.Features.Get<ConnectedUser>() is { } user && await limits.TakeRequestAsync(user.UserId, http.RequestAborted) is { } wait)
            throw new ChatException(ErrorCodes.RateLimited, "Too many requests.", wait);
        return await next(context);
    }
}
