using Aspire.Hosting.ApplicationModel;

namespace Aspire.Hosting;

public static partial class ResourceBuilderExtensions
{
    /// <summary>Starts the resource only when the dependency runs, is healthy, and everything that follows its becoming ready is done.</summary>
    public static IResourceBuilder<T> WaitFor<T>(this IResourceBuilder<T> builder, IResourceBuilder<IResource> dependency)
        where T : IResourceWithWaitSupport => builder.WithWait(dependency, WaitType.WaitUntilHealthy);

    /// <summary>Starts the resource only when the dependency runs, healthy or not.</summary>
    public static IResourceBuilder<T> WaitForStart<T>(this IResourceBuilder<T> builder, IResourceBuilder<IResource> dependency)
        where T : IResourceWithWaitSupport => builder.WithWait(dependency, WaitType.WaitUntilStarted);

    /// <summary>Started by hand only.</summary>
    public static IResourceBuilder<T> WithExplicitStart<T>(this IResourceBuilder<T> builder) where T : IResource =>
        builder.WithAnnotation(new ExplicitStartupAnnotation());

    /// <summary>Healthy = the path answers with the status.</summary>
    public static IResourceBuilder<T> WithHttpHealthCheck<T>(
        this IResourceBuilder<T> builder, string? path = null, int? statusCode = null, string? endpointName = null)
        where T : IResourceWithEndpoints
    {
        var names = builder.Resource.GetEndpoints().Where(endpoint => endpoint.Scheme is "http" or "https").Select(endpoint => endpoint.EndpointName).ToArray();
        endpointName ??= Array.Find(names, name => name == "https") ?? Array.Find(names, name => name == "http") ?? names.FirstOrDefault()
            ?? throw new DistributedApplicationException(
                $"Could not create HTTP health check for resource '{builder.Resource.Name}' as no HTTP endpoint was found. Add it with WithHttpEndpoint first.");
        path ??= "/";
        statusCode ??= 200;
        var key = $"{builder.Resource.Name}_{endpointName}_{path}_{statusCode}_check";
        if (builder.Resource.Annotations.OfType<HealthCheckAnnotation>().Any(check => check.Key == key))
            throw new DistributedApplicationException($"Resource '{builder.Resource.Name}' already has a health check with key '{key}'.");
        return builder.WithAnnotation(new HttpHealthCheckAnnotation(key, builder.Resource.GetEndpoint(endpointName), path, statusCode.Value));
    }

    /// <summary>Run once, when the resource has become healthy for the first time and before anything that waits for it starts.</summary>
    public static IResourceBuilder<T> OnResourceReady<T>(
        this IResourceBuilder<T> builder, Func<T, ResourceReadyEvent, CancellationToken, Task> callback)
        where T : IResource
    {
        var resource = builder.Resource;
        return builder.WithAnnotation(new ResourceReadyAnnotation((readyEvent, cancellationToken) => callback(resource, readyEvent, cancellationToken)));
    }

    private static IResourceBuilder<T> WithWait<T>(this IResourceBuilder<T> builder, IResourceBuilder<IResource> dependency, WaitType waitType)
        where T : IResourceWithWaitSupport
    {
        if (dependency.Resource.Equals(builder.Resource))
            throw new DistributedApplicationException($"The '{builder.Resource.Name}' resource cannot wait for itself.");
        return builder.WithAnnotation(new WaitAnnotation(dependency.Resource, waitType));
    }
}
