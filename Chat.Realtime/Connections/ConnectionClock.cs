namespace Chat.Realtime.Connections;

/// <summary>
/// The one timer of all connections: once a second it looks at each for an expired session, silence, or a close handshake that takes too
/// long. A look costs a few comparisons, so a timer per connection would be the dearer way.
/// </summary>
internal sealed class ConnectionClock(ConnectionRegistry registry, TimeProvider time) : BackgroundService
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Interval, time);
        try
        {
            while (await timer.WaitForNextTickAsync(stoppingToken))
            {
                var now = time.GetUtcNow();
                foreach (var connection in registry.All()) connection.Tick(now);
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            return; // the node stops; the drain has closed every connection before
        }
    }
}
