using System.Collections.Concurrent;

namespace Chat.Gateway.Draining;

/// <summary>
/// The WebSockets that pass through this gateway, one entry for each from its upgrade to its end, and their orderly end: when the gateway
/// stops, <c>/health</c> says so, new sockets are refused, open ones get a close frame with 1012 and the time to answer it, and only then
/// does the server stop listening and cut what is left.
/// </summary>
public sealed partial class OpenSockets(IHostApplicationLifetime lifetime, TimeProvider time, ILogger<OpenSockets> logger) : IHostedLifecycleService
{
    /// <summary>How long a client may take to answer the close frame.</summary>
    public static readonly TimeSpan CloseTimeout = TimeSpan.FromSeconds(5);

    private static readonly TimeSpan CountInterval = TimeSpan.FromMilliseconds(50);

    private readonly ConcurrentDictionary<ClosableSocket, byte> _open = new();

    private volatile bool _stopping;

    /// <summary>From the signal to stop on.</summary>
    public bool IsDraining => _stopping || lifetime.ApplicationStopping.IsCancellationRequested;

    public Task StartingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <summary>Runs before any service stops, the listening server included.</summary>
    public async Task StoppingAsync(CancellationToken cancellationToken)
    {
        _stopping = true;
        if (_open.IsEmpty) return;

        Log.Closing(logger, _open.Count);
        using var timeout = new CancellationTokenSource(CloseTimeout, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(timeout.Token, cancellationToken);
        var closing = new Dictionary<ClosableSocket, Task>();
        try
        {
            // A socket whose upgrade was under way at the signal comes a moment later: each round asks those that were not asked yet.
            while (!_open.IsEmpty)
            {
                foreach (var socket in _open.Keys)
                {
                    if (!closing.ContainsKey(socket)) closing.Add(socket, CloseAsync(socket, either.Token));
                }
                await Task.Delay(CountInterval, time, either.Token);
            }
        }
        catch (OperationCanceledException)
        {
            Log.Cut(logger, _open.Count, CloseTimeout.TotalSeconds);
        }
        await Task.WhenAll(closing.Values);
    }

    internal void Add(ClosableSocket socket) => _open.TryAdd(socket, 0);

    internal void Remove(ClosableSocket socket) => _open.TryRemove(socket, out _);

    private async Task CloseAsync(ClosableSocket socket, CancellationToken cancellationToken)
    {
        try
        {
            await socket.CloseAsync(cancellationToken);
        }
        catch (Exception failure) when (failure is IOException or OperationCanceledException or ObjectDisposedException or InvalidOperationException)
        {
            // Its client has gone by itself, or takes nothing any more and is cut with the rest.
            Log.NotClosed(logger, failure.Message);
        }
    }

    private static partial class Log
    {
        [LoggerMessage(1, LogLevel.Information, "Closing {Count} WebSockets with 1012")]
        public static partial void Closing(ILogger logger, int count);

        [LoggerMessage(2, LogLevel.Warning, "{Count} WebSockets did not answer the close frame within {Seconds} s and are cut")]
        public static partial void Cut(ILogger logger, int count, double seconds);

        [LoggerMessage(3, LogLevel.Debug, "A WebSocket could not be closed: {Reason}")]
        public static partial void NotClosed(ILogger logger, string reason);
    }
}
