using Microsoft.Extensions.Hosting;

namespace Chat.ServiceDefaults;

/// <summary>
/// A loop that goes on while the host drains and ends when all else has stopped; among its kind in reverse order of registration.
/// What must follow the last connection's end to the last needs this: a plain <see cref="BackgroundService"/> ends when stopping begins.
/// </summary>
public abstract class LastToStop : BackgroundService, IHostedLifecycleService
{
    public Task StartingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public sealed override Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public async Task StoppedAsync(CancellationToken cancellationToken)
    {
        await base.StopAsync(cancellationToken);
        await FinishAsync();
    }

    /// <summary>The last work, after the loop has ended.</summary>
    protected virtual Task FinishAsync() => Task.CompletedTask;
}
