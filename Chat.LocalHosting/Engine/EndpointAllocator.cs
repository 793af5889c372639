using Aspire.Hosting;
using Aspire.Hosting.ApplicationModel;
using Chat.LocalHosting.Processes;

namespace Chat.LocalHosting.Engine;

/// <summary>
/// Gives every endpoint its address before anything starts; it stays the same however often a process is restarted.
/// A server that has one process is reached directly; replicas are reached through one address, behind which each has a port of its own.
/// </summary>
internal sealed class EndpointAllocator(EngineSettings settings)
{
    // Given out, though nobody may listen there yet.
    private readonly HashSet<int> _taken = [];

    public void Allocate(DistributedApplicationModel model)
    {
        // What the model fixes is not given to anybody else.
        _taken.UnionWith(model.Resources.SelectMany(resource => resource.Annotations.OfType<EndpointAnnotation>()).Select(FixedPortOf).OfType<int>());
        if (settings.DashboardPort is { } dashboard)
            _taken.Add(dashboard);
        foreach (var (server, ports) in settings.ServerPorts)
        {
            if (model.Resources.FirstOrDefault(resource => resource.Name.Equals(server, StringComparison.OrdinalIgnoreCase)) is not ContainerResource)
                throw new DistributedApplicationException($"LocalEngine:Endpoints:{server} is given, and the application has no server of that name.");
            _taken.UnionWith([ports.Port, ports.TargetPort]);
        }
        foreach (var resource in model.Resources)
            Allocate(resource);
    }

    public static bool HasProxy(IResource resource, EndpointAnnotation endpoint) => endpoint.IsProxied && resource is not ContainerResource;

    private int? FixedPortOf(EndpointAnnotation endpoint) => settings.RandomizePorts ? null : endpoint.Port;

    private int Pick()
    {
        var port = LoopbackPort.Pick(_taken);
        _taken.Add(port);
        return port;
    }

    private void Allocate(IResource resource)
    {
        // The endpoint that clients use is a server's first one.
        var isClients = resource is ContainerResource;
        foreach (var endpoint in resource.Annotations.OfType<EndpointAnnotation>())
        {
            Check(resource, endpoint);
            if (isClients && settings.ServerPorts.TryGetValue(resource.Name, out var ports))
            {
                CheckFree(resource, endpoint, ports.TargetPort, $"LocalEngine:Endpoints:{resource.Name}:TargetPort");
                endpoint.AllocatedEndpoint = new AllocatedEndpoint(endpoint, EndpointHost.ToCall(endpoint), ports.Port);
                endpoint.ReplicaPorts = [ports.TargetPort];
                isClients = false;
                continue;
            }
            var fixedPort = FixedPortOf(endpoint);
            if (fixedPort is { } port)
                CheckFree(resource, endpoint, port, "CHAT_HTTP_PORT, CHAT_HTTPS_PORT");

            if (HasProxy(resource, endpoint))
            {
                endpoint.AllocatedEndpoint = new AllocatedEndpoint(endpoint, "localhost", fixedPort ?? Pick());
                endpoint.ReplicaPorts = [.. Enumerable.Range(0, resource.GetReplicaCount()).Select(_ => Pick())];
            }
            else
            {
                var own = fixedPort ?? Pick();
                // A server's connection string names the address that it listens on; a web origin is called by its usual name.
                var host = resource is ContainerResource ? EndpointHost.ToCall(endpoint) : EndpointHost.ToShow(endpoint);
                endpoint.AllocatedEndpoint = new AllocatedEndpoint(endpoint, host, own);
                endpoint.ReplicaPorts = [own];
            }
        }
    }

    private static void CheckFree(IResource resource, EndpointAnnotation endpoint, int port, string settings)
    {
        if (!LoopbackPort.IsFree(port))
        {
            throw new DistributedApplicationException(
                $"Port {port} of '{resource.Name}' ({endpoint.Name}) is in use by another process. Stop that one, or choose another port ({settings}).");
        }
    }

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
