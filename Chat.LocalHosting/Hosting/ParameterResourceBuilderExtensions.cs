using Aspire.Hosting.ApplicationModel;
using Chat.LocalHosting.Engine;
using Microsoft.Extensions.Configuration;

namespace Aspire.Hosting;

public static class ParameterResourceBuilderExtensions
{
    /// <summary>A value that the configuration must give, as <c>Parameters:{name}</c>.</summary>
    public static IResourceBuilder<ParameterResource> AddParameter(this IDistributedApplicationBuilder builder, string name, bool secret = false) =>
        builder.AddResource(new ParameterResource(name, _ => Read(builder.Configuration, name, null), secret));

    /// <summary>A constant, which wins over the configuration.</summary>
    public static IResourceBuilder<ParameterResource> AddParameter(
        this IDistributedApplicationBuilder builder, string name, string value, bool publishValueAsDefault = false, bool secret = false)
    {
        if (publishValueAsDefault && secret)
            throw new ArgumentException("A parameter cannot be both secret and published as a default value.", nameof(secret));
        return builder.AddResource(new ParameterResource(name, _ => value, secret)
        {
            Default = publishValueAsDefault ? new ConstantParameterDefault(() => value) : null,
        });
    }

    /// <summary>A value that is made when the configuration has none; <paramref name="persist"/> keeps it in the data directory.</summary>
    public static IResourceBuilder<ParameterResource> AddParameter(
        this IDistributedApplicationBuilder builder, string name, ParameterDefault value, bool secret = false, bool persist = false) =>
        builder.AddResource(Generated(builder, name, value, secret, persist));

    /// <summary>A connection string that the configuration must give: the server is somebody else's, and none is started.</summary>
    public static IResourceBuilder<IResourceWithConnectionString> AddConnectionString(
        this IDistributedApplicationBuilder builder, string name, string? environmentVariableName = null) =>
        builder.AddResource(new ConnectionStringParameterResource(
            name,
            _ => builder.Configuration.GetConnectionString(name)
                ?? throw new DistributedApplicationException($"There is no connection string '{name}': set ConnectionStrings__{name}."),
            environmentVariableName));

    /// <summary>A password that is made once; it is not in the model, but in the manifest by being referred to.</summary>
    internal static ParameterResource CreateDefaultPasswordParameter(IDistributedApplicationBuilder builder, string name, bool special = true) =>
        Generated(builder, name, new GenerateParameterDefault { Special = special }, secret: true, persist: true);

    private static ParameterResource Generated(
        IDistributedApplicationBuilder builder, string name, ParameterDefault value, bool secret, bool persist)
    {
        var source = persist && builder.ExecutionContext.IsRunMode
            ? new PersistedParameterDefault(DataDirectory.PathFor(builder), name, value)
            : value;
        return new ParameterResource(name, _ => Read(builder.Configuration, name, source), secret) { Default = value };
    }

    private static string Read(IConfiguration configuration, string name, ParameterDefault? value) =>
        configuration[$"Parameters:{name}"] ?? configuration[$"Parameters:{name.Replace('-', '_')}"]
            ?? value?.GetDefaultValue()
            ?? throw new DistributedApplicationException(
                $"The parameter '{name}' has no value: set Parameters__{name.Replace('-', '_')}.");
}
