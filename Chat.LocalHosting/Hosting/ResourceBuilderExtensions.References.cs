using System.Text;
using Aspire.Hosting.ApplicationModel;

namespace Aspire.Hosting;

public static partial class ResourceBuilderExtensions
{
    /// <summary>Hands on the connection string as <c>ConnectionStrings__{name}</c>, and its parts as <c>{NAME}_HOST</c> and so on.</summary>
    public static IResourceBuilder<TDestination> WithReference<TDestination>(
        this IResourceBuilder<TDestination> builder, IResourceBuilder<IResourceWithConnectionString> source,
        string? connectionName = null, bool optional = false)
        where TDestination : IResourceWithEnvironment
    {
        var resource = source.Resource;
        var name = connectionName ?? resource.Name;
        return builder.WithEnvironment(context =>
        {
            context.EnvironmentVariables[resource.ConnectionStringEnvironmentVariable ?? $"ConnectionStrings__{name}"] =
                new ConnectionStringReference(resource, optional);
            foreach (var (property, value) in resource.GetConnectionProperties())
                context.EnvironmentVariables[$"{VariablePart(name).ToUpperInvariant()}_{property.ToUpperInvariant()}"] = value;
        });
    }

    /// <summary>Hands on every endpoint of a service, for service discovery and as plain variables.</summary>
    public static IResourceBuilder<TDestination> WithReference<TDestination>(
        this IResourceBuilder<TDestination> builder, IResourceBuilder<IResourceWithServiceDiscovery> source)
        where TDestination : IResourceWithEnvironment => builder.WithEndpoints(source.Resource, endpointName: null);

    /// <summary>Hands on one endpoint of a service.</summary>
    public static IResourceBuilder<TDestination> WithReference<TDestination>(
        this IResourceBuilder<TDestination> builder, EndpointReference endpointReference)
        where TDestination : IResourceWithEnvironment => builder.WithEndpoints(endpointReference.Resource, endpointReference.EndpointName);

    private static IResourceBuilder<T> WithEndpoints<T>(this IResourceBuilder<T> builder, IResourceWithEndpoints source, string? endpointName)
        where T : IResourceWithEnvironment
    {
        var references = builder.Resource.Annotations.OfType<EndpointReferenceAnnotation>().SingleOrDefault(annotation => annotation.Resource == source);
        if (references is null)
        {
            references = new EndpointReferenceAnnotation(source);
            builder.WithAnnotation(references).WithEnvironment(context => AddEndpoints(context, references));
        }
        if (endpointName is null)
            references.UseAllEndpoints = true;
        else
            references.EndpointNames.Add(endpointName);
        return builder;
    }

    private static void AddEndpoints(EnvironmentCallbackContext context, EndpointReferenceAnnotation references)
    {
        var service = references.Resource.Name;
        foreach (var endpoint in references.Resource.GetEndpoints())
        {
            if (!references.UseAllEndpoints && !references.EndpointNames.Contains(endpoint.EndpointName))
                continue;

            context.EnvironmentVariables[$"{VariablePart(service)}_{VariablePart(endpoint.EndpointName)}".ToUpperInvariant()] = endpoint;
            var key = endpoint.EndpointName is "http" or "https" ? endpoint.Scheme : endpoint.EndpointName;
            var index = 0;
            while (context.EnvironmentVariables.ContainsKey($"services__{service}__{key}__{index}"))
                index++;
            context.EnvironmentVariables[$"services__{service}__{key}__{index}"] = endpoint;
        }
    }

    /// <summary>A name as part of a variable: what is no letter or digit becomes an underscore.</summary>
    private static string VariablePart(string name)
    {
        var part = new StringBuilder(name.Length + 1);
        if (char.IsAsciiDigit(name[0]))
            part.Append('_');
        foreach (var c in name)
            part.Append(char.IsAsciiLetterOrDigit(c) ? c : '_');
        return part.ToString();
    }
}
