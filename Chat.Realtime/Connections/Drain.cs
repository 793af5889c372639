using Chat.Contracts;
using Chat.Realtime.Commands;
using Microsoft.Extensions.Options;

namespace Chat.Realtime.Connections;

/// <summary>Whether the node is on its way out: nobody new is let in then.</summary>
internal sealed class DrainState : IDisposable
{
    private readonly CancellationTokenSource _draining = new();
    private int _transports;

    public bool IsDraining => Draining.IsCancellationRequested;

    /// <summary>Cancelled when it begins.</summary>
    public CancellationToken Draining { get; }

    public DrainState() => Draining = _draining.Token;

    /// <summary>Requests of transports that may still have to write what their connection has said last.</summary>
    public int Transports => Volatile.Read(ref _transports);

    public Task BeginAsync() => _draining.CancelAsync();
    public void EnterTransport() => Interlocked.Increment(ref _transports);
    public void LeaveTransport() => Interlocked.Decrement(ref _transports);
    public void Dispose() => _draining.Dispose();
}

/// <summary>
/// Lets the clients go before the server stops: it runs ahead of every hosted service's stop and of <see cref="IHostApplicationLifetime.ApplicationStopping"/>
/// (<see cref="NodeLifetime"/>), so Kestrel and the hub still hold the connections. Each client is told when to come back, spread over the window but for its first second, and
/// closed with 1012 shortly after that moment; who does not let go is cut. Whatever clients do, the whole of it takes no longer than <see cref="Longest"/>,
/// so what follows (presence, the log's last acks, the lease) is done before anybody kills the process.
/// </summary>
internal sealed partial class Drain(
    DrainState state, ConnectionRegistry registry, IOptions<DrainOptions> options, IOptions<ConnectionOptions> connectionOptions, TimeProvider time, ILogger<Drain> logger)
    : IHostedLifecycleService
{
    // A client that does as it is told closes by itself before the node does it.
    private static readonly TimeSpan Grace = TimeSpan.FromMilliseconds(300);
    // A stopping process is killed after 13 s by the local engine and after 30 s by Kubernetes: this leaves 4 s for what follows, and 2 s with the longest window.
    private static readonly TimeSpan Longest = TimeSpan.FromSeconds(9);
    // Who comes back sooner may be sent here once more: gateways learn from the lease within half a second, other load balancers by their probes.
    private static readonly TimeSpan Lead = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan AfterWindow = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Step = TimeSpan.FromMilliseconds(25);

    public async Task StoppingAsync(CancellationToken cancellationToken)
    {
        await state.BeginAsync();
        var connections = registry.All();
        Random.Shared.Shuffle(connections);
        var window = TimeSpan.FromSeconds(options.Value.Seconds);
        var longest = window + AfterWindow > Longest ? window + AfterWindow : Longest;
        Log.Draining(logger, connections.Length, window.TotalSeconds);
        try
        {
            var started = time.GetTimestamp();
            for (var i = 0; i < connections.Length; i++) connections[i].Reply(Replies.Reconnect((int)DueAt(i, connections.Length, window).TotalMilliseconds));
            for (var i = 0; i < connections.Length; i++)
            {
                var due = DueAt(i, connections.Length, window) + Grace;
                while (time.GetElapsedTime(started) < due && registry.Count > 0) await Task.Delay(Step, time, cancellationToken);
                connections[i].Close(CloseCodes.ServiceRestart, "restart");
            }
            var closed = time.GetTimestamp();
            while (registry.Count + state.Transports > 0 && time.GetElapsedTime(closed) < connectionOptions.Value.CloseTimeout && time.GetElapsedTime(started) < longest)
            {
                // Handshakes that were under way when it began.
                foreach (var late in registry.All()) late.Close(CloseCodes.ServiceRestart, "restart");
                await Task.Delay(Step, time, cancellationToken);
            }
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            Log.OutOfTime(logger);
        }
        var rest = registry.All();
        foreach (var connection in rest) connection.Abort();
        Log.Drained(logger, rest.Length);
    }

    public Task StartingAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    public Task StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    private static TimeSpan DueAt(int index, int count, TimeSpan window)
    {
        var first = window / 2 < Lead ? window / 2 : Lead;
        return first + ((window - first) * index / count);
    }

    private static partial class Log
    {
        [LoggerMessage(1010, LogLevel.Information, "Draining: {Count} connections reconnect elsewhere over {Seconds} s")]
        public static partial void Draining(ILogger logger, int count, double seconds);

        [LoggerMessage(1011, LogLevel.Information, "Drained; {Count} connections did not let go and were cut")]
        public static partial void Drained(ILogger logger, int count);

        [LoggerMessage(1012, LogLevel.Warning, "The host ran out of time while draining")]
        public static partial void OutOfTime(ILogger logger);
    }
}
