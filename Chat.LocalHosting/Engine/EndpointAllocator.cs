using Aspire.Hosting;
using Aspire.Hosting.ApplicationModel;
using Chat.LocalHosting.Processes;

namespace Chat.LocalHosting.Engine;

/// <summary>
/// Gives every endpoint its address before anything starts; it stays the same however often a process is restarted.
/// A server that has one process is reached directly; replicas are reached through one address, behind which each has a port of its own.
/// </summary>
internal sealed class EndpointAllocator(bool randomizePorts)
{
    public void Allocate(IResource resource)
    {
        foreach (var endpoint in resource.Annotations.OfType<EndpointAnnotation>())
        {
            Check(resource, endpoint);
            var fixedPort = randomizePorts ? null : endpoint.Port;
            if (fixedPort is { } port && !LoopbackPort.IsFree(port))
            {
                throw new DistributedApplicationException(
                    $"Port {port} of '{resource.Name}' ({endpoint.Name}) is in use by another process. Stop that one, or choose another port (CHAT_HTTP_PORT, CHAT_HTTPS_PORT).");
            }

            if (HasProxy(resource, endpoint))
            {
                endpoint.AllocatedEndpoint = new AllocatedEndpoint(endpoint, "localhost", fixedPort ?? LoopbackPort.Pick());
                endpoint.ReplicaPorts = [.. Enumerable.Range(0, resource.GetReplicaCount()).Select(_ => LoopbackPort.Pick())];
            }
            else
            {
                var own = fixedPort ?? LoopbackPort.Pick();
                // A server's connection string names the address that it listens on; a web origin is called by its usual name.
                var host = resource is ContainerResource ? "127.0.0.1" : "localhost";
                endpoint.AllocatedEndpoint = new AllocatedEndpoint(endpoint, host, own);
                endpoint.ReplicaPorts = [own];
            }
        }
    }

    public static bool HasProxy(IResource resource, EndpointAnnotation endpoint) => endpoint.IsProxied && resource is not ContainerResource;

    private static void Check(IResource resource, EndpointAnnotation endpoint)
    {
        if (resource.GetReplicaCount() <= 1)
            return;
        if (!endpoint.IsProxied)
            throw new DistributedApplicationException($"'{resource.Name}' has several replicas, so its endpoint '{endpoint.Name}' must be proxied.");
        if (endpoint.TargetPort is not null)
            throw new DistributedApplicationException($"'{resource.Name}' has several replicas, so its endpoint '{endpoint.Name}' cannot have one target port.");
    }
}
