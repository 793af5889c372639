namespace Aspire.Hosting.ApplicationModel;

/// <summary>
/// What a deployment runs as a container. The local engine runs the same server as a plain process, so image, entry point and volumes
/// matter to the manifest only.
/// </summary>
public abstract class ContainerResource(string name) : Resource(name),
    IResourceWithEnvironment, IResourceWithArgs, IResourceWithEndpoints, IResourceWithWaitSupport
{
    public string? Entrypoint { get; protected init; }
}

/// <summary>The image, by its full name and tag.</summary>
internal sealed class ContainerImageAnnotation(string image) : IResourceAnnotation
{
    public string Image { get; } = image;
}

/// <summary>A volume or bind mount of a container.</summary>
internal sealed class ContainerMountAnnotation(string source, string target, bool isBindMount, bool isReadOnly) : IResourceAnnotation
{
    public string Source { get; } = source;

    public string Target { get; } = target;

    public bool IsBindMount { get; } = isBindMount;

    public bool IsReadOnly { get; } = isReadOnly;
}
