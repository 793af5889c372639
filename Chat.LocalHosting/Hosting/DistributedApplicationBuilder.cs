using System.Reflection;
using Aspire.Hosting.ApplicationModel;
using Chat.LocalHosting.Dashboard;
using Chat.LocalHosting.Engine;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Aspire.Hosting;

/// <summary>
/// The builder of the local engine. Configuration, later wins: settings files, <c>ASPIRE_</c> variables, environment, defaults of a test,
/// command line.
/// </summary>
internal sealed class DistributedApplicationBuilder : IDistributedApplicationBuilder
{
    // Seen by the SDK's own build as well: where the AppHost's project file is.
    private const string ProjectPathMetadata = "apphostprojectpath";

    private static readonly Dictionary<string, string> Switches = new()
    {
        ["--operation"] = "AppHost:Operation",
        ["--publisher"] = "Publishing:Publisher",
        ["--output-path"] = "Pipeline:OutputPath",
        ["--step"] = "Pipeline:Step",
    };

    private readonly HostApplicationBuilder _host;
    private readonly DistributedApplicationOptions _options;
    private readonly ResourceCollection _resources = [];

    public DistributedApplicationBuilder(
        DistributedApplicationOptions options, Assembly? appHost, IReadOnlyDictionary<string, string?>? testDefaults = null)
    {
        _options = options;
        AppHostAssembly = appHost;
        AppHostDirectory = options.ProjectDirectory ?? ProjectDirectoryOf(appHost) ?? Directory.GetCurrentDirectory();

        _host = new HostApplicationBuilder(new HostApplicationBuilderSettings
        {
            ContentRootPath = AppHostDirectory,
            ApplicationName = appHost?.GetName().Name,
        });
        var configuration = _host.Configuration;
        configuration.Sources.Insert(0, new Microsoft.Extensions.Configuration.EnvironmentVariables.EnvironmentVariablesConfigurationSource { Prefix = "ASPIRE_" });
        if (testDefaults is not null)
            configuration.AddInMemoryCollection(testDefaults);
        configuration.AddCommandLine(options.Args ?? [], Switches);

        var publisher = configuration["Publishing:Publisher"];
        var publishes = publisher is not null
            || string.Equals(configuration["AppHost:Operation"], "publish", StringComparison.OrdinalIgnoreCase)
            || configuration["Pipeline:Step"] is not null;
        ExecutionContext = new DistributedApplicationExecutionContext(
            publishes ? DistributedApplicationOperation.Publish : DistributedApplicationOperation.Run, publisher);
    }

    public ConfigurationManager Configuration => _host.Configuration;

    public string AppHostDirectory { get; }

    public Assembly? AppHostAssembly { get; }

    public IHostEnvironment Environment => _host.Environment;

    public IServiceCollection Services => _host.Services;

    public DistributedApplicationExecutionContext ExecutionContext { get; }

    public IResourceCollection Resources => _resources;

    public IResourceBuilder<T> AddResource<T>(T resource) where T : IResource
    {
        if (_resources.FirstOrDefault(other => other.Name.Equals(resource.Name, StringComparison.OrdinalIgnoreCase)) is { } existing)
        {
            throw new DistributedApplicationException(
                $"Cannot add resource of type '{resource.GetType()}' with name '{resource.Name}' because resource of type '{existing.GetType()}' with that name already exists. Resource names are case-insensitive.");
        }
        _resources.Add(resource);
        return CreateResourceBuilder(resource);
    }

    public IResourceBuilder<T> CreateResourceBuilder<T>(T resource) where T : IResource => new ResourceBuilder<T>(this, resource);

    public DistributedApplication Build()
    {
        var services = _host.Services;
        var model = new DistributedApplicationModel(_resources);
        services.AddSingleton(model);
        services.AddSingleton(ExecutionContext);
        if (ExecutionContext.IsPublishMode)
        {
            _host.Logging.ClearProviders();
            return new DistributedApplication(_host.Build(), model, ExecutionContext, Configuration["Pipeline:OutputPath"]);
        }

        var console = new ConsoleOutput(_options.EnableResourceLogging ? Console.Out : TextWriter.Null);
        _host.Logging.ClearProviders().AddProvider(new EngineLoggerProvider(console));
        // A failure to start is told once, by whoever runs the application, and not by the host as well with its stack.
        _host.Logging.AddFilter("Microsoft", LogLevel.Warning).AddFilter("Microsoft.Extensions.Hosting.Internal.Host", LogLevel.Critical);
        services.Configure<HostOptions>(options => options.ShutdownTimeout = TimeSpan.FromSeconds(30));
        services.AddSingleton(EngineSettings.Read(this, _options.DisableDashboard));
        services.AddSingleton(_ => console);
        services.AddSingleton<ResourceNotificationService>();
        services.AddSingleton<LocalEngine>();
        services.AddSingleton(provider => new ResourceCommandService(provider.GetRequiredService<LocalEngine>()));
        services.AddHostedService(provider => provider.GetRequiredService<LocalEngine>());
        services.AddHostedService<DashboardServer>();
        return new DistributedApplication(_host.Build(), model, ExecutionContext, outputPath: null);
    }

    private static string? ProjectDirectoryOf(Assembly? assembly)
    {
        var path = assembly?.GetCustomAttributes<AssemblyMetadataAttribute>().FirstOrDefault(metadata => metadata.Key == ProjectPathMetadata)?.Value;
        return Directory.Exists(path) ? path : Path.GetDirectoryName(path);
    }
}
