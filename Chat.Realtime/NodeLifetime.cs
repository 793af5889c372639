using System.Runtime.InteropServices;

namespace Chat.Realtime;

/// <summary>
/// What a signal to end does. The framework's own lifetime first tells the application that it stops, and at that word the hub cuts its connections, before
/// any service may let them go; here the host is stopped, which begins with <see cref="IHostedLifecycleService.StoppingAsync"/> and then says that word.
/// </summary>
internal sealed class NodeLifetime(IHostApplicationLifetime application) : IHostLifetime, IDisposable
{
    private static readonly PosixSignal[] Ending = [PosixSignal.SIGTERM, PosixSignal.SIGINT, PosixSignal.SIGQUIT];
    private readonly TaskCompletionSource _end = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private PosixSignalRegistration[] _signals = [];

    /// <summary>Runs the node until a signal comes or it ends itself, and disposes of it.</summary>
    public static async Task RunAsync(WebApplication app)
    {
        await using (app)
        {
            await app.StartAsync();
            await app.Services.GetRequiredService<NodeLifetime>()._end.Task;
            await app.StopAsync();
        }
    }

    public Task WaitForStartAsync(CancellationToken cancellationToken)
    {
        application.ApplicationStopping.Register(() => _end.TrySetResult());
        _signals = [.. Ending.Select(signal => PosixSignalRegistration.Create(signal, OnSignal))];
        return Task.CompletedTask;
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public void Dispose()
    {
        foreach (var signal in _signals) signal.Dispose();
    }

    private void OnSignal(PosixSignalContext context)
    {
        context.Cancel = true; // the process ends when the host has stopped
        if (application.ApplicationStarted.IsCancellationRequested) _end.TrySetResult();
        else application.StopApplication();
    }
}
