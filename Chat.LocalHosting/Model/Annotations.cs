namespace Aspire.Hosting.ApplicationModel;

public enum ResourceAnnotationMutationBehavior
{
    Append,
    Replace,
}

/// <summary>Adds variables to the environment of a resource.</summary>
public sealed class EnvironmentCallbackAnnotation(Func<EnvironmentCallbackContext, Task> callback) : IResourceAnnotation
{
    public Func<EnvironmentCallbackContext, Task> Callback { get; } = callback;
}

/// <summary>The environment being put together. Values are texts or <see cref="IValueProvider"/>s.</summary>
public sealed class EnvironmentCallbackContext(
    DistributedApplicationExecutionContext executionContext, IResource resource, Dictionary<string, object> environmentVariables)
{
    public DistributedApplicationExecutionContext ExecutionContext { get; } = executionContext;

    public IResource Resource { get; } = resource;

    public Dictionary<string, object> EnvironmentVariables { get; } = environmentVariables;
}

/// <summary>Adds arguments to the command line of a resource.</summary>
public sealed class CommandLineArgsCallbackAnnotation(Func<CommandLineArgsCallbackContext, Task> callback) : IResourceAnnotation
{
    public Func<CommandLineArgsCallbackContext, Task> Callback { get; } = callback;
}

/// <summary>The command line being put together.</summary>
public sealed class CommandLineArgsCallbackContext(
    IList<object> args, DistributedApplicationExecutionContext executionContext, IResource resource)
{
    public IList<object> Args { get; } = args;

    public DistributedApplicationExecutionContext ExecutionContext { get; } = executionContext;

    public IResource Resource { get; } = resource;
}

public sealed class ReplicaAnnotation(int replicas) : IResourceAnnotation
{
    public int Replicas { get; } = replicas;
}

/// <summary>The resource starts only when another one is healthy (or, with <see cref="WaitType.WaitUntilStarted"/>, running).</summary>
public sealed class WaitAnnotation(IResource resource, WaitType waitType) : IResourceAnnotation
{
    public IResource Resource { get; } = resource;

    public WaitType WaitType { get; } = waitType;
}

public enum WaitType
{
    WaitUntilHealthy,
    WaitUntilStarted,
}

/// <summary>Started only by hand.</summary>
public sealed class ExplicitStartupAnnotation : IResourceAnnotation;

/// <summary>The key of a health check of the resource.</summary>
public class HealthCheckAnnotation(string key) : IResourceAnnotation
{
    public string Key { get; } = key;
}

/// <summary>Healthy = this path answers with this status. The local engine asks each replica by itself.</summary>
internal sealed class HttpHealthCheckAnnotation(string key, EndpointReference endpoint, string path, int statusCode) : HealthCheckAnnotation(key)
{
    public EndpointReference Endpoint { get; } = endpoint;

    public string Path { get; } = path;

    public int StatusCode { get; } = statusCode;
}

/// <summary>Which endpoints of another resource this one gets in its environment.</summary>
internal sealed class EndpointReferenceAnnotation(IResourceWithEndpoints resource) : IResourceAnnotation
{
    public IResourceWithEndpoints Resource { get; } = resource;

    public bool UseAllEndpoints { get; set; }

    public HashSet<string> EndpointNames { get; } = new(StringComparer.OrdinalIgnoreCase);
}

/// <summary>Run when the resource has become healthy for the first time; dependents wait for it.</summary>
internal sealed class ResourceReadyAnnotation(Func<ResourceReadyEvent, CancellationToken, Task> callback) : IResourceAnnotation
{
    public Func<ResourceReadyEvent, CancellationToken, Task> Callback { get; } = callback;
}

public sealed class ResourceReadyEvent(IResource resource, IServiceProvider services)
{
    public IResource Resource { get; } = resource;

    public IServiceProvider Services { get; } = services;
}

/// <summary>The resource is not written to the manifest.</summary>
internal sealed class ExcludeFromManifestAnnotation : IResourceAnnotation;
