using Aspire.Hosting;
using Aspire.Hosting.ApplicationModel;
using Chat.LocalHosting.Engine;
using Chat.LocalHosting.Processes;

namespace Chat.LocalHosting.Launching;

/// <summary>Runs the built output of a project in the project's folder, where its settings and static files are.</summary>
internal sealed class ProjectLauncher(
    ProjectResource project, BuiltOutput output, DistributedApplicationExecutionContext context, HttpClient http)
    : WebLauncher(project, context, http)
{
    private const string LaunchProfile = "DOTNET_LAUNCH_PROFILE";

    // A node takes up to its drain window to send its clients away; the servers, which stop last, may take another 6 s,
    // and everything is gone 20 s after SIGTERM.
    private static readonly TimeSpan StopTimeout = TimeSpan.FromSeconds(13);

    public override string Type => "project";

    public override async Task<ChildCommand> PrepareAsync(int replica, CancellationToken cancellationToken)
    {
        var environment = await GetEnvironmentAsync(replica, cancellationToken);
        // What the engine itself was started with must not move the service's own addresses.
        environment.TryAdd("ASPNETCORE_URLS", Addresses(replica));
        environment.TryAdd("HTTP_PORTS", null);
        environment.TryAdd("HTTPS_PORTS", null);
        if (Environment.GetEnvironmentVariable(LaunchProfile) is not null)
        {
            // The AppHost's own launch profile makes the AppHost a development program, not the services.
            environment.TryAdd(LaunchProfile, null);
            environment.TryAdd("DOTNET_ENVIRONMENT", null);
        }
        environment.TryAdd("LOGGING__CONSOLE__FORMATTERNAME", "simple");
        environment["DOTNET_ROOT"] = BuiltOutput.DotnetRoot;

        return new ChildCommand(output.ExecutableOf(project.Metadata.ProjectPath), await GetArgumentsAsync(cancellationToken))
        {
            Environment = environment,
            WorkingDirectory = Path.GetDirectoryName(project.Metadata.ProjectPath)!,
            StopTimeout = StopTimeout,
        };
    }

    private string? Addresses(int replica)
    {
        var addresses = project.Annotations.OfType<EndpointAnnotation>()
            .Where(endpoint => endpoint is { UriScheme: "http" or "https", TargetPortEnvironmentVariable: null })
            .Select(endpoint => $"{endpoint.UriScheme}://{EndpointHost.ToListenOn(endpoint)}:{endpoint.ReplicaPorts[replica]}")
            .ToArray();
        return addresses.Length > 0 ? string.Join(';', addresses) : null;
    }
}
