using System.Globalization;
using Aspire.Hosting.ApplicationModel;

namespace Chat.LocalHosting.Engine;

/// <summary>The line that scripts wait for, and a short status after it.</summary>
internal static class ReadyMessage
{
    public static IEnumerable<string> For(DistributedApplicationModel model, EngineSettings settings, TimeSpan took)
    {
        var origin = model.Resources
            .SelectMany(resource => resource.Annotations.OfType<EndpointAnnotation>())
            .FirstOrDefault(endpoint => endpoint is { IsExternal: true, UriScheme: "http", AllocatedEndpoint: not null });
        yield return origin is null ? "READY" : $"READY {origin.AllocatedEndpoint!.UriString}";

        var processes = model.Resources.Where(resource => resource is IResourceWithEnvironment)
            .Select(resource => resource.GetReplicaCount() is > 1 and var count ? $"{resource.Name} ×{count}" : resource.Name);
        yield return string.Create(CultureInfo.InvariantCulture, $"  {string.Join(", ", processes)}; ready after {took.TotalSeconds:0.0} s");
        if (settings.DashboardPort is { } port)
            yield return $"  dashboard http://localhost:{port}";
        yield return $"  data and logs in {settings.DataDirectory}; Ctrl-C stops everything";
    }
}
