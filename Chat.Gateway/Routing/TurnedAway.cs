using Chat.ServiceDefaults;
using Yarp.ReverseProxy.Transforms;
using Yarp.ReverseProxy.Transforms.Builder;

namespace Chat.Gateway.Routing;

/// <summary>Keeps from the client the answer of a target that is on its way out (<see cref="DrainingAnswer"/>), so that another one can be asked.</summary>
public static class TurnedAway
{
    private static readonly object Key = new();

    public static void Apply(TransformBuilderContext context) => context.AddResponseTransform(answer =>
    {
        if (answer.ProxyResponse is not { } response || !response.Headers.Contains(DrainingAnswer.Header)) return ValueTask.CompletedTask;
        answer.HttpContext.Response.Headers.Remove(DrainingAnswer.Header);
        // A body is sent once.
        if (answer.HttpContext.Request.ContentLength is null or 0)
        {
            answer.SuppressResponseBody = true;
            answer.HttpContext.Items[Key] = true;
        }
        return ValueTask.CompletedTask;
    });

    /// <summary>Whether the last target turned the request away.</summary>
    public static bool IsSet(HttpContext context) => context.Items.ContainsKey(Key);
}
