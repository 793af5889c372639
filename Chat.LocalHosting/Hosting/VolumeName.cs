using Aspire.Hosting.ApplicationModel;

namespace Aspire.Hosting;

internal static class VolumeName
{
    /// <summary>
    /// Volumes must be named: the names that Aspire makes up by itself hold a dot, which Kubernetes refuses.
    /// </summary>
    public static string For<T>(IResourceBuilder<T> builder, string? name) where T : IResource =>
        name ?? throw new DistributedApplicationException($"Give the data volume of '{builder.Resource.Name}' a name, such as \"{builder.Resource.Name}-data\".");
}
