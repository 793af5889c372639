using System.Threading.Channels;
using Aspire.Hosting.ApplicationModel;
using Chat.LocalHosting.Launching;
using Chat.LocalHosting.Processes;
using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace Chat.LocalHosting.Engine;

/// <summary>
/// One process of a resource, under one name, with one port and one place for its data, however often it is started.
/// One loop owns it: at any time there is at most one child, and it is gone when the loop has ended.
/// </summary>
internal sealed class Replica
{
    private const int MaxWaitingRequests = 16;
    private static readonly TimeSpan StartingProbeInterval = TimeSpan.FromMilliseconds(150);
    private static readonly TimeSpan ProbeInterval = TimeSpan.FromSeconds(2);

    private readonly Channel<Request> _requests = Channel.CreateBounded<Request>(MaxWaitingRequests);
    private readonly RestartBackOff _backOff = new();
    private readonly Launcher _launcher;
    private readonly ProcessStarter _starter;
    private readonly ResourceNotificationService _notifications;
    private readonly int _index;
    private readonly Lock _gate = new();
    private CustomResourceSnapshot _snapshot;

    public Replica(
        IResource resource, int index, Launcher launcher, ReplicaLog log, ProcessStarter starter, ResourceNotificationService notifications)
    {
        Resource = resource;
        Name = $"{resource.Name}-{index + 1}";
        Log = log;
        _index = index;
        _launcher = launcher;
        _starter = starter;
        _notifications = notifications;
        _snapshot = new CustomResourceSnapshot
        {
            ResourceType = launcher.Type,
            Urls = [.. launcher.UrlsOf(resource, index).Select(url => new UrlSnapshot(null, url, IsInternal: false))],
        };
        Publish(snapshot => snapshot with { State = new ResourceStateSnapshot(KnownResourceStates.NotStarted) });
    }

    public IResource Resource { get; }

    public string Name { get; }

    public ReplicaLog Log { get; }

    public CustomResourceSnapshot Snapshot
    {
        get
        {
            lock (_gate)
                return _snapshot;
        }
    }

    /// <summary>Where the proxy of an endpoint may send a connection, and whether the process was healthy when last asked; null while nobody listens there.</summary>
    public (int Port, bool Healthy)? TargetOf(EndpointAnnotation endpoint) =>
        Snapshot is { Pid: not null, HealthStatus: var health } ? (endpoint.ReplicaPorts[_index], health == HealthStatus.Healthy) : null;

    /// <summary>Asks for something and returns when it is done; a start is done when the process is started, healthy or not.</summary>
    public async Task ExecuteAsync(ReplicaCommand command, CancellationToken cancellationToken)
    {
        var request = new Request(command);
        try
        {
            await _requests.Writer.WriteAsync(request, cancellationToken);
        }
        catch (ChannelClosedException ended)
        {
            throw new OperationCanceledException("The engine has stopped.", ended);
        }
        await request.Done.Task.WaitAsync(cancellationToken);
    }

    /// <summary>Keeps the process running until it is told to stop for good.</summary>
    /// <param name="dependencies">What must be ready before the first start; null = it is started by hand only.</param>
    public async Task RunAsync(Task? dependencies, CancellationToken stopping)
    {
        try
        {
            var (running, request) = dependencies is null ? (false, null) : await WaitAsync(dependencies, stopping);
            await RunAsync(running, request, stopping);
        }
        finally
        {
            // Nobody would answer any more.
            _requests.Writer.Complete();
            while (_requests.Reader.TryRead(out var late))
                late.Done.TrySetCanceled(CancellationToken.None);
        }
    }

    /// <summary>
    /// Waits for the dependencies, or for somebody who does not: a start by hand does not wait for them, and who is stopped by hand
    /// does not start when they are ready.
    /// </summary>
    private async Task<(bool Running, Request? Request)> WaitAsync(Task dependencies, CancellationToken stopping)
    {
        if (dependencies.IsCompletedSuccessfully)
            return (true, null);

        Publish(snapshot => snapshot with { State = new ResourceStateSnapshot(KnownResourceStates.Waiting) });
        var request = await NextRequestAsync(dependencies, stopping);
        if (request is { Command: ReplicaCommand.Stop })
        {
            Publish(snapshot => snapshot with { State = new ResourceStateSnapshot(KnownResourceStates.NotStarted) });
            request.Done.TrySetResult();
            return (false, null);
        }
        if (request is null && dependencies.IsFaulted)
        {
            Log.Add($"[engine] does not start, because something that it waits for has failed: {dependencies.Exception.InnerException?.Message}");
            Publish(snapshot => snapshot with { State = new ResourceStateSnapshot(KnownResourceStates.FailedToStart) });
            return (false, null);
        }
        return (request is not null || dependencies.IsCompletedSuccessfully, request);
    }

    private async Task RunAsync(bool running, Request? request, CancellationToken stopping)
    {
        while (!stopping.IsCancellationRequested)
        {
            if (!running)
            {
                request = await NextRequestAsync(Task.Delay(Timeout.Infinite, stopping), stopping);
                running = request is { Command: not ReplicaCommand.Stop };
                if (!running)
                    request?.Done.TrySetResult();
                continue;
            }

            var startedAt = TimeProvider.System.GetTimestamp();
            await using var child = await TryStartAsync(stopping);
            request?.Done.TrySetResult();
            request = null;
            if (child is not null)
            {
                (running, request) = await SuperviseAsync(child, stopping);
                if (!running || request is not null)
                    continue;
            }
            if (stopping.IsCancellationRequested)
                return;

            var delay = _backOff.Next(TimeProvider.System.GetElapsedTime(startedAt));
            Log.Add($"[engine] starting again in {delay.TotalSeconds:0.0} s");
            request = await NextRequestAsync(Task.Delay(delay, stopping), stopping);
            if (request is { Command: ReplicaCommand.Stop })
            {
                running = false;
                request.Done.TrySetResult();
                request = null;
            }
        }
    }

    /// <summary>Returns when the child is gone: whether it is to run again, and who asked for that (nobody: it died).</summary>
    private async Task<(bool Running, Request? Request)> SuperviseAsync(ChildProcess child, CancellationToken stopping)
    {
        using var probing = CancellationTokenSource.CreateLinkedTokenSource(stopping);
        var probes = ProbeAsync(probing.Token);
        Request? request;
        do
        {
            request = await NextRequestAsync(child.Exited, stopping);
            if (request is { Command: ReplicaCommand.Start })
                request.Done.TrySetResult();
        }
        while (request is { Command: ReplicaCommand.Start });
        await probing.CancelAsync();
        await probes;

        var asked = request is not null || stopping.IsCancellationRequested;
        if (asked)
            Publish(snapshot => snapshot with { State = new ResourceStateSnapshot(KnownResourceStates.Stopping), HealthStatus = null });
        var exitCode = asked ? await child.StopAsync() : await child.Exited;
        Log.Add($"[engine] {(asked ? "stopped" : "ended by itself")}, exit code {exitCode}");
        Publish(snapshot => snapshot with
        {
            State = new ResourceStateSnapshot(KnownResourceStates.Exited),
            HealthStatus = null,
            ExitCode = exitCode,
            Pid = null,
            Properties = [],
        });
        if (request is { Command: ReplicaCommand.Stop })
        {
            request.Done.TrySetResult();
            return (false, null);
        }
        return (true, request);
    }

    private async Task<ChildProcess?> TryStartAsync(CancellationToken stopping)
    {
        Publish(snapshot => snapshot with { State = new ResourceStateSnapshot(KnownResourceStates.Starting) });
        try
        {
            var command = await _launcher.PrepareAsync(_index, stopping);
            var child = await _starter.StartAsync(command, line => Log.Add(line.Text));
            Publish(snapshot => snapshot with
            {
                State = new ResourceStateSnapshot(KnownResourceStates.Running),
                HealthStatus = HealthStatus.Unhealthy,
                ExitCode = null,
                StartTimeStamp = child.StartedAt.UtcDateTime,
                Pid = child.Pid,
                Properties = [new ResourcePropertySnapshot("executable.pid", child.Pid)],
            });
            return child;
        }
        catch (OperationCanceledException) when (stopping.IsCancellationRequested)
        {
            return null;
        }
        catch (Exception failure)
        {
            // Whatever is in the way (a missing program, a full disk) may be mended while the engine runs: it is said, and tried again.
            Log.Add($"[engine] cannot start: {failure.Message}");
            Publish(snapshot => snapshot with { State = new ResourceStateSnapshot(KnownResourceStates.FailedToStart), HealthStatus = null });
            return null;
        }
    }

    private async Task ProbeAsync(CancellationToken cancellationToken)
    {
        try
        {
            while (true)
            {
                var healthy = await IsHealthyAsync(cancellationToken);
                var status = healthy ? HealthStatus.Healthy : HealthStatus.Unhealthy;
                if (status != Snapshot.HealthStatus)
                    Publish(snapshot => snapshot with { HealthStatus = status });
                await Task.Delay(healthy ? ProbeInterval : StartingProbeInterval, cancellationToken);
            }
        }
        catch (Exception) when (cancellationToken.IsCancellationRequested)
        {
            // The process is stopping or gone: whatever the last check ran into says nothing.
        }
    }

    /// <summary>A check that fails in a way nobody foresaw is a process that is not healthy; it must not end the watch over it.</summary>
    private async Task<bool> IsHealthyAsync(CancellationToken cancellationToken)
    {
        try
        {
            return await _launcher.IsHealthyAsync(_index, cancellationToken);
        }
        catch (Exception failure) when (!cancellationToken.IsCancellationRequested)
        {
            if (Snapshot.HealthStatus == HealthStatus.Healthy)
                Log.Add($"[engine] the health check failed: {failure.Message}");
            return false;
        }
    }

    /// <summary>The next request, or null when <paramref name="until"/> completes first. No request is ever lost in between.</summary>
    private async Task<Request?> NextRequestAsync(Task until, CancellationToken stopping)
    {
        using var cancel = CancellationTokenSource.CreateLinkedTokenSource(stopping);
        var read = _requests.Reader.ReadAsync(cancel.Token).AsTask();
        await Task.WhenAny(read, until);
        await cancel.CancelAsync();
        try
        {
            return await read;
        }
        catch (OperationCanceledException)
        {
            return null;
        }
    }

    private void Publish(Func<CustomResourceSnapshot, CustomResourceSnapshot> change)
    {
        lock (_gate)
        {
            _snapshot = change(_snapshot);
            _notifications.Publish(new ResourceEvent(Resource, Name, _snapshot));
        }
    }

    private sealed record Request(ReplicaCommand Command)
    {
        public TaskCompletionSource Done { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}
