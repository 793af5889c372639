using System.Reflection;
using Aspire.Hosting.ApplicationModel;
using Aspire.Hosting.Testing;
using Chat.LocalHosting.Manifest;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace Aspire.Hosting;

/// <summary>The application: run it, or publish what it is.</summary>
public sealed class DistributedApplication : IHost, IAsyncDisposable
{
    private readonly IHost _host;
    private readonly DistributedApplicationExecutionContext _context;
    private readonly string? _outputPath;

    internal DistributedApplication(
        IHost host, DistributedApplicationModel model, DistributedApplicationExecutionContext context, string? outputPath)
    {
        _host = host;
        _context = context;
        _outputPath = outputPath;
        Model = model;
    }

    public IServiceProvider Services => _host.Services;

    public ResourceNotificationService ResourceNotifications => Services.GetRequiredService<ResourceNotificationService>();

    public ResourceCommandService ResourceCommands => Services.GetRequiredService<ResourceCommandService>();

    internal DistributedApplicationModel Model { get; }

    internal bool IsStarted { get; private set; }

    public static IDistributedApplicationBuilder CreateBuilder() => CreateBuilder([]);

    public static IDistributedApplicationBuilder CreateBuilder(string[] args) =>
        CreateBuilder(new DistributedApplicationOptions { Args = args, EnableResourceLogging = true });

    /// <summary>Run by a test, the AppHost gets the test's builder instead of one of its own.</summary>
    public static IDistributedApplicationBuilder CreateBuilder(DistributedApplicationOptions options) =>
        AppHostEntryPoint.Current?.HandOver(options)
        ?? new DistributedApplicationBuilder(options, options.AssemblyName is { } name ? Assembly.Load(name) : Assembly.GetEntryAssembly());

    public void Run() => RunAsync().GetAwaiter().GetResult();

    /// <summary>Runs until it is told to stop. What the user can mend is said in one line, with exit code 1.</summary>
    public async Task RunAsync(CancellationToken cancellationToken = default)
    {
        AppHostEntryPoint.Current?.LeaveToTest();
        try
        {
            if (_context.IsPublishMode)
                await PublishAsync(cancellationToken);
            else
                await HostingAbstractionsHostExtensions.RunAsync(this, cancellationToken);
        }
        catch (DistributedApplicationException failure)
        {
            await DisposeAsync();
            await Console.Error.WriteLineAsync(failure.Message);
            Environment.ExitCode = 1;
        }
    }

    public async Task StartAsync(CancellationToken cancellationToken = default)
    {
        await _host.StartAsync(cancellationToken);
        IsStarted = true;
    }

    public Task StopAsync(CancellationToken cancellationToken = default) => _host.StopAsync(cancellationToken);

    public void Dispose() => DisposeAsync().AsTask().GetAwaiter().GetResult();

    public async ValueTask DisposeAsync()
    {
        if (_host is IAsyncDisposable host)
            await host.DisposeAsync();
    }

    private async Task PublishAsync(CancellationToken cancellationToken)
    {
        var output = _outputPath ?? throw new DistributedApplicationException(
            "The '--output-path [path]' option was not specified even though '--publisher manifest' argument was used.");
        var path = await ManifestPublisher.PublishAsync(Model, _context, Path.GetFullPath(output), cancellationToken);
        await Console.Out.WriteLineAsync($"Published manifest to: {path}");
    }
}
