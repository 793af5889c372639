using Aspire.Hosting;
using Aspire.Hosting.ApplicationModel;
using Aspire.Hosting.Testing;

namespace Chat.Tests.LocalHosting;

/// <summary>The small application, started once through the testing builder for the tests that do not end it.</summary>
public sealed class RunningSmallApp : IAsyncLifetime
{
    private DistributedApplication? _app;

    public DistributedApplication App => _app ?? throw new InvalidOperationException("The application is not started.");

    public async ValueTask InitializeAsync()
    {
        await using var builder = await DistributedApplicationTestingBuilder.CreateAsync<Projects.SmallAppHost>();
        _app = await builder.BuildAsync();
        await _app.StartAsync();
        using var deadline = new CancellationTokenSource(Engines.Timeout);
        await _app.ResourceNotifications.WaitForResourceHealthyAsync("sleeper", deadline.Token);
    }

    public async ValueTask DisposeAsync()
    {
        if (_app is not null)
            await _app.DisposeAsync();
    }

    /// <summary>What is known of one process now.</summary>
    public CustomResourceSnapshot Snapshot(string resourceId) =>
        App.ResourceNotifications.Current.Single(resourceEvent => resourceEvent.ResourceId == resourceId).Snapshot;

    public int Pid(string resourceId) => Snapshot(resourceId).Pid ?? throw new InvalidOperationException($"{resourceId} does not run.");

    public async Task UntilHealthyAsync(string name)
    {
        using var deadline = new CancellationTokenSource(Engines.Timeout);
        await App.ResourceNotifications.WaitForResourceHealthyAsync(name, deadline.Token);
    }

    public async Task ExecuteAsync(string name, string command)
    {
        using var deadline = new CancellationTokenSource(Engines.Timeout);
        Assert.True((await App.ResourceCommands.ExecuteCommandAsync(name, command, deadline.Token)).Success);
    }
}
