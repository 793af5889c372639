using Aspire.Hosting.ApplicationModel;
using Chat.LocalHosting.Launching;
using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace Chat.LocalHosting.Engine;

/// <summary>
/// A resource with its processes. <see cref="Started"/> and <see cref="Ready"/> each complete once; what waits for them never starts before.
/// </summary>
internal sealed class RunningResource(IResource resource, Launcher launcher, IReadOnlyList<Replica> replicas, IServiceProvider services)
{
    private readonly TaskCompletionSource _started = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _ready = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public IResource Resource { get; } = resource;

    public IReadOnlyList<Replica> Replicas { get; } = replicas;

    public Task Started => _started.Task;

    /// <summary>All processes were healthy once, and what follows that is done.</summary>
    public Task Ready => _ready.Task;

    public bool StartsByItself { get; } = !resource.Annotations.OfType<ExplicitStartupAnnotation>().Any();

    /// <summary>Servers go last when the application stops.</summary>
    public bool IsServer => Resource is ContainerResource;

    /// <summary>Waits for the dependencies and then keeps the processes running until told to stop.</summary>
    public Task RunAsync(IReadOnlyList<Task> dependencies, ResourceNotificationService notifications, CancellationToken stopping)
    {
        var ready = StartsByItself ? Task.WhenAll(dependencies) : null;
        return Task.WhenAll([.. Replicas.Select(replica => replica.RunAsync(ready, stopping)), FollowAsync(notifications, stopping)]);
    }

    private async Task FollowAsync(ResourceNotificationService notifications, CancellationToken stopping)
    {
        try
        {
            await foreach (var resourceEvent in notifications.WatchAsync(stopping))
            {
                if (resourceEvent.Resource != Resource)
                    continue;
                if (Replicas.All(replica => replica.Snapshot.Pid is not null))
                    _started.TrySetResult();
                if (Replicas.All(replica => replica.Snapshot.HealthStatus == HealthStatus.Healthy))
                    break;
            }
            await launcher.OnReadyAsync(stopping);
            foreach (var annotation in Resource.Annotations.OfType<ResourceReadyAnnotation>().ToArray())
                await annotation.Callback(new ResourceReadyEvent(Resource, services), stopping);
            _ready.TrySetResult();
        }
        catch (OperationCanceledException)
        {
            _ready.TrySetCanceled(CancellationToken.None);
        }
        catch (Exception failure)
        {
            // What waits for this resource must not start; the failure is shown by whoever waits for Ready.
            _ready.TrySetException(failure);
        }
    }
}
