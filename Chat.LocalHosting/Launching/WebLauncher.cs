using System.Globalization;
using Aspire.Hosting;
using Aspire.Hosting.ApplicationModel;
using Chat.LocalHosting.Engine;
using Chat.LocalHosting.Processes;

namespace Chat.LocalHosting.Launching;

/// <summary>What projects and programs share: their environment and arguments from the model, and health over HTTP.</summary>
internal abstract class WebLauncher(IResource resource, DistributedApplicationExecutionContext context, HttpClient http) : Launcher
{
    private static readonly TimeSpan ProbeTimeout = TimeSpan.FromSeconds(3);

    protected IResource Resource { get; } = resource;

    public override async Task<bool> IsHealthyAsync(int replica, CancellationToken cancellationToken)
    {
        foreach (var check in Resource.Annotations.OfType<HttpHealthCheckAnnotation>())
        {
            var endpoint = check.Endpoint.EndpointAnnotation;
            using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
            deadline.CancelAfter(ProbeTimeout);
            try
            {
                using var response = await http.GetAsync(
                    $"{endpoint.UriScheme}://{EndpointHost.ToCall(endpoint)}:{endpoint.ReplicaPorts[replica]}{check.Path}", HttpCompletionOption.ResponseHeadersRead, deadline.Token);
                if ((int)response.StatusCode != check.StatusCode)
                    return false;
            }
            catch (Exception failure) when (failure is HttpRequestException
                || (failure is OperationCanceledException && !cancellationToken.IsCancellationRequested))
            {
                return false;
            }
        }
        return true;
    }

    /// <summary>The engine's variables first, the model's after them: what the model says wins.</summary>
    protected async Task<Dictionary<string, string?>> GetEnvironmentAsync(int replica, CancellationToken cancellationToken)
    {
        var environment = new Dictionary<string, string?>
        {
            ["OTEL_SERVICE_NAME"] = Resource.Name,
            ["OTEL_RESOURCE_ATTRIBUTES"] = $"service.instance.id={Resource.Name}-{replica + 1}",
        };
        foreach (var endpoint in Resource.Annotations.OfType<EndpointAnnotation>())
        {
            if (endpoint.TargetPortEnvironmentVariable is { } variable)
                environment[variable] = endpoint.ReplicaPorts[replica].ToString(CultureInfo.InvariantCulture);
        }
        foreach (var (name, value) in await ResourceConfiguration.GetVariablesAsync(Resource, context))
            environment[name] = await ResourceConfiguration.ResolveAsync(value, cancellationToken);
        return environment;
    }

    protected async Task<IReadOnlyList<string>> GetArgumentsAsync(CancellationToken cancellationToken)
    {
        var arguments = new List<string>();
        foreach (var value in await ResourceConfiguration.GetArgumentsAsync(Resource, context))
            arguments.Add(await ResourceConfiguration.ResolveAsync(value, cancellationToken) ?? "");
        return arguments;
    }
}
