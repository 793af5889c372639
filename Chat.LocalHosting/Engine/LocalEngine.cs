using System.Collections.Concurrent;
using Aspire.Hosting;
using Aspire.Hosting.ApplicationModel;
using Chat.LocalHosting.Launching;
using Chat.LocalHosting.Processes;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Chat.LocalHosting.Engine;

/// <summary>
/// Runs the model as plain processes on this machine. It holds the data directory while any child may be alive,
/// and when it has stopped, however that came about, no child is left.
/// </summary>
internal sealed partial class LocalEngine(
    DistributedApplicationModel model, EngineSettings settings, ResourceNotificationService notifications,
    ConsoleOutput console, IServiceProvider services, ILogger<LocalEngine> logger) : IHostedService, IAsyncDisposable
{
    private readonly ProcessStarter _starter = new();
    private readonly HttpClient _http = new(new SocketsHttpHandler { AllowAutoRedirect = false, UseProxy = false });
    private readonly CancellationTokenSource _stoppingServices = new();
    private readonly CancellationTokenSource _stoppingServers = new();
    private readonly List<ReplicaProxy> _proxies = [];
    private readonly ConcurrentDictionary<RunningResource, Task> _running = new();
    private DataDirectory? _data;
    private List<RunningResource> _resources = [];
    private Task _announcing = Task.CompletedTask;
    private int _disposed;

    public IEnumerable<Replica> Replicas => _resources.SelectMany(resource => resource.Replicas);

    public DateTimeOffset StartedAt { get; } = DateTimeOffset.UtcNow;

    public Task StartAsync(CancellationToken cancellationToken)
    {
        _data = DataDirectory.Open(settings.DataDirectory);
        new EndpointAllocator(settings).Allocate(model);
        var launchers = new LauncherFactory(settings, _data, _starter, _http);
        _resources = [.. model.Resources.Select(resource => (resource, launcher: launchers.Create(resource)))
            .Where(pair => pair.launcher is not null)
            .Select(pair => Make(pair.resource, pair.launcher!))];
        foreach (var resource in _resources)
            StartProxies(resource);
        foreach (var resource in _resources)
        {
            var stopping = resource.IsServer ? _stoppingServers : _stoppingServices;
            _running[resource] = resource.RunAsync([.. DependenciesOf(resource.Resource)], notifications, stopping.Token);
        }
        _announcing = AnnounceAsync(_stoppingServices.Token);
        return Task.CompletedTask;
    }

    /// <summary>Services first, all at once, then the servers that they write their last words to.</summary>
    public async Task StopAsync(CancellationToken cancellationToken)
    {
        await _stoppingServices.CancelAsync();
        await Task.WhenAll(_running.Where(pair => !pair.Key.IsServer).Select(pair => pair.Value));
        await _announcing;
        await _stoppingServers.CancelAsync();
        await Task.WhenAll(_running.Values);
    }

    public async ValueTask DisposeAsync()
    {
        // The container knows the engine under two types and disposes it once for each.
        if (Interlocked.Exchange(ref _disposed, 1) != 0)
            return;
        await StopAsync(CancellationToken.None);
        foreach (var proxy in _proxies)
            await proxy.DisposeAsync();
        _proxies.Clear();
        _starter.Dispose();
        foreach (var replica in Replicas)
            replica.Log.Dispose();
        _http.Dispose();
        _data?.Dispose();
        if (_data is not null && settings.DeleteDataAtEnd)
            Directory.Delete(_data.Path, recursive: true);
        _stoppingServices.Dispose();
        _stoppingServers.Dispose();
    }

    private RunningResource Make(IResource resource, Launcher launcher)
    {
        var colour = ColourOf(resource);
        var replicas = Enumerable.Range(0, resource.GetReplicaCount()).Select(index =>
        {
            var name = $"{resource.Name}-{index + 1}";
            var log = new ReplicaLog(Path.Combine(_data!["logs"], name + ".log"), line => console.WriteLine(name, colour, line));
            return new Replica(resource, index, launcher, log, _starter, notifications);
        });
        return new RunningResource(resource, launcher, [.. replicas], services);
    }

    private int ColourOf(IResource resource) => model.Resources.TakeWhile(other => other != resource).Count();

    private void StartProxies(RunningResource resource)
    {
        foreach (var endpoint in resource.Resource.Annotations.OfType<EndpointAnnotation>())
        {
            if (EndpointAllocator.HasProxy(resource.Resource, endpoint))
                _proxies.Add(new ReplicaProxy(endpoint, resource.Replicas));
        }
    }

    private IEnumerable<Task> DependenciesOf(IResource resource)
    {
        foreach (var wait in resource.Annotations.OfType<WaitAnnotation>())
        {
            // Waiting for a database is waiting for its server, which makes its databases before it is ready.
            var target = wait.Resource is IResourceWithParent { Parent: var parent } ? parent : wait.Resource;
            if (_resources.Find(running => running.Resource == target) is { } dependency)
                yield return wait.WaitType == WaitType.WaitUntilStarted ? dependency.Started : dependency.Ready;
        }
    }

    /// <summary>Says once that everything is healthy, or what fails on the way there.</summary>
    private async Task AnnounceAsync(CancellationToken stopping)
    {
        try
        {
            await Task.WhenAll(_resources.Where(resource => resource.StartsByItself).Select(resource => resource.Ready)).WaitAsync(stopping);
            foreach (var line in ReadyMessage.For(model, settings, TimeProvider.System.GetUtcNow() - StartedAt))
                console.WriteLine(line);
        }
        catch (OperationCanceledException)
        {
            // Stopped before it was ready.
        }
        catch (Exception failure)
        {
            Log.NotReady(logger, failure);
        }
    }

    private static partial class Log
    {
        [LoggerMessage(1, LogLevel.Error, "A resource is healthy, but what follows that failed; what waits for it will not start.")]
        public static partial void NotReady(ILogger logger, Exception failure);
    }
}
