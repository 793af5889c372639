using Chat.ServiceDefaults;
using Yarp.ReverseProxy.Transforms;
using Yarp.ReverseProxy.Transforms.Builder;

namespace Chat.Gateway.Routing;

/// <summary>
/// Tells the target who the client is. What clients sent under these names never passes: it is overwritten or removed, not appended to.
/// </summary>
public static class ForwardedIdentity
{
    public static void Apply(TransformBuilderContext context)
    {
        context.AddXForwardedFor(action: ForwardedTransformActions.Set);
        context.AddXForwardedProto(action: ForwardedTransformActions.Set);
        context.AddXForwardedHost(action: ForwardedTransformActions.Set);
        context.AddXForwardedPrefix(action: ForwardedTransformActions.Remove);
        context.AddRequestHeaderRemove("Forwarded");
        // What the platform's own reading of a trusted proxy's headers leaves behind.
        foreach (var original in (string[])["X-Original-For", "X-Original-Proto", "X-Original-Host"])
            context.AddRequestHeaderRemove(original);

        var secret = context.Services.GetRequiredService<IConfiguration>()[TrustedProxy.SecretKey];
        if (string.IsNullOrEmpty(secret))
            context.AddRequestHeaderRemove(TrustedProxy.SecretHeader);
        else
            context.AddRequestHeader(TrustedProxy.SecretHeader, secret, append: false);
    }
}
