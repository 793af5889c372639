using Aspire.Hosting.ApplicationModel;
using Microsoft.Extensions.DependencyInjection;

namespace Aspire.Hosting.Testing;

/// <summary>How a test reaches what it has started.</summary>
public static class DistributedApplicationHostingTestingExtensions
{
    /// <summary>A client for the resource; without an endpoint name https is preferred, then http.</summary>
    public static HttpClient CreateHttpClient(this DistributedApplication app, string resourceName, string? endpointName = null)
    {
        var address = app.GetEndpoint(resourceName, endpointName);
        var client = app.Services.GetService<IHttpClientFactory>()?.CreateClient() ?? new HttpClient();
        client.BaseAddress = address;
        return client;
    }

    /// <exception cref="InvalidOperationException">The application is not started.</exception>
    /// <exception cref="ArgumentException">There is no such resource or endpoint.</exception>
    public static Uri GetEndpoint(this DistributedApplication app, string resourceName, string? endpointName = null)
    {
        if (!app.IsStarted)
            throw new InvalidOperationException("The application must be started before its endpoints are known.");
        if (Find(app, resourceName) is not IResourceWithEndpoints resource)
            throw new ArgumentException($"Resource '{resourceName}' has no endpoints.", nameof(resourceName));

        var endpoints = resource.GetEndpoints().ToArray();
        var endpoint = endpointName is null
            ? Array.Find(endpoints, endpoint => endpoint.Scheme == "https") ?? Array.Find(endpoints, endpoint => endpoint.Scheme == "http") ?? endpoints.FirstOrDefault()
            : Array.Find(endpoints, endpoint => endpoint.EndpointName.Equals(endpointName, StringComparison.OrdinalIgnoreCase));
        return endpoint is null
            ? throw new ArgumentException($"Resource '{resourceName}' has no endpoint '{endpointName}'.", nameof(endpointName))
            : new Uri(endpoint.Url);
    }

    public static async ValueTask<string?> GetConnectionStringAsync(
        this DistributedApplication app, string resourceName, CancellationToken cancellationToken = default)
    {
        if (!app.IsStarted)
            throw new InvalidOperationException("The application must be started before its connection strings are known.");
        return Find(app, resourceName) is IResourceWithConnectionString resource
            ? await resource.GetConnectionStringAsync(cancellationToken)
            : throw new ArgumentException($"Resource '{resourceName}' has no connection string.", nameof(resourceName));
    }

    private static IResource Find(DistributedApplication app, string name) =>
        app.Model.Resources.FirstOrDefault(resource => resource.Name.Equals(name, StringComparison.OrdinalIgnoreCase))
        ?? throw new ArgumentException($"Resource '{name}' not found.", nameof(name));
}
