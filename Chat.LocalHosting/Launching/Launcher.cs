using Aspire.Hosting.ApplicationModel;
using Chat.LocalHosting.Engine;
using Chat.LocalHosting.Processes;

namespace Chat.LocalHosting.Launching;

/// <summary>Knows how a kind of resource is started and what its being healthy means.</summary>
internal abstract class Launcher
{
    /// <summary>The word for the kind in the dashboard and its API.</summary>
    public abstract string Type { get; }

    /// <summary>Makes ready what the process needs and says how to start it; called before every start.</summary>
    public abstract Task<ChildCommand> PrepareAsync(int replica, CancellationToken cancellationToken);

    /// <summary>Asks the running process whether it can do its work.</summary>
    public abstract Task<bool> IsHealthyAsync(int replica, CancellationToken cancellationToken);

    /// <summary>Done once, when all processes are healthy for the first time and before dependents start.</summary>
    public virtual Task OnReadyAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <summary>The addresses of one process.</summary>
    public virtual IEnumerable<string> UrlsOf(IResource resource, int replica) =>
        resource.Annotations.OfType<EndpointAnnotation>()
            .Where(endpoint => endpoint.ReplicaPorts.Count > replica)
            .Select(endpoint => $"{endpoint.UriScheme}://{(endpoint.IsExternal ? EndpointHost.ToShow(endpoint) : EndpointHost.ToCall(endpoint))}:{endpoint.ReplicaPorts[replica]}");
}
