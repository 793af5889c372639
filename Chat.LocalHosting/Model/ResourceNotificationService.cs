using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using System.Threading.Channels;
using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace Aspire.Hosting.ApplicationModel;

/// <summary>
/// Tells what becomes of every process. One event stream for all; a watcher that does not keep up loses the oldest events,
/// never the newest state.
/// </summary>
public sealed class ResourceNotificationService
{
    private const int WatcherCapacity = 1000;

    private readonly ConcurrentDictionary<string, ResourceEvent> _latest = new(StringComparer.OrdinalIgnoreCase);
    private readonly ConcurrentDictionary<Channel<ResourceEvent>, bool> _watchers = new();
    private readonly Lock _order = new();

    /// <summary>What is known now, one event per process.</summary>
    internal IReadOnlyCollection<ResourceEvent> Current => [.. _latest.Values];

    /// <summary>Yields the current state of every process, then every change.</summary>
    public async IAsyncEnumerable<ResourceEvent> WatchAsync([EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        var channel = Channel.CreateBounded<ResourceEvent>(new BoundedChannelOptions(WatcherCapacity) { FullMode = BoundedChannelFullMode.DropOldest });
        ResourceEvent[] known;
        lock (_order)
        {
            known = [.. _latest.Values];
            _watchers[channel] = true;
        }
        try
        {
            foreach (var resourceEvent in known)
                yield return resourceEvent;
            await foreach (var resourceEvent in channel.Reader.ReadAllAsync(cancellationToken))
                yield return resourceEvent;
        }
        finally
        {
            _watchers.TryRemove(channel, out _);
        }
    }

    /// <summary>
    /// Waits until the resource is healthy: by the name of a resource all its processes, by the name of one process (<c>realtime-1</c>) that one.
    /// </summary>
    public async Task<ResourceEvent> WaitForResourceHealthyAsync(string resourceName, CancellationToken cancellationToken = default)
    {
        await foreach (var resourceEvent in WatchAsync(cancellationToken))
        {
            if (IsMeant(resourceEvent, resourceName)
                && _latest.Values.Where(latest => IsMeant(latest, resourceName)).All(latest => latest.Snapshot.HealthStatus == HealthStatus.Healthy))
            {
                return resourceEvent;
            }
        }
        throw new OperationCanceledException(cancellationToken);
    }

    /// <summary>Waits until a process of the resource is in the state.</summary>
    public Task WaitForResourceAsync(string resourceName, string? targetState = null, CancellationToken cancellationToken = default)
    {
        var state = targetState ?? KnownResourceStates.Running;
        return WaitForResourceAsync(resourceName, resourceEvent => resourceEvent.Snapshot.State?.Text == state, cancellationToken);
    }

    /// <summary>Waits for the first event that fits.</summary>
    public async Task<ResourceEvent> WaitForResourceAsync(
        string resourceName, Func<ResourceEvent, bool> predicate, CancellationToken cancellationToken = default)
    {
        await foreach (var resourceEvent in WatchAsync(cancellationToken))
        {
            if (IsMeant(resourceEvent, resourceName) && predicate(resourceEvent))
                return resourceEvent;
        }
        throw new OperationCanceledException(cancellationToken);
    }

    internal void Publish(ResourceEvent resourceEvent)
    {
        lock (_order)
        {
            _latest[resourceEvent.ResourceId] = resourceEvent;
            foreach (var (watcher, _) in _watchers)
                watcher.Writer.TryWrite(resourceEvent);
        }
    }

    private static bool IsMeant(ResourceEvent resourceEvent, string name) =>
        string.Equals(resourceEvent.Resource.Name, name, StringComparison.OrdinalIgnoreCase)
        || string.Equals(resourceEvent.ResourceId, name, StringComparison.OrdinalIgnoreCase);
}
