using System.Globalization;
using System.Text.Json;
using Aspire.Hosting.ApplicationModel;
using Chat.LocalHosting.Engine;

namespace Aspire.Hosting.Publishing;

/// <summary>
/// Writes the model as the manifest that deployment tools read, member by member as Aspire writes it.
/// Resources come in the order of the model, then what is only referred to: parameters, their escaped forms, conditional texts.
/// </summary>
public sealed class ManifestPublishingContext(DistributedApplicationExecutionContext executionContext, string manifestPath, Utf8JsonWriter writer)
{
    private readonly Dictionary<string, IResource> _referenced = [];
    private readonly Dictionary<ParameterResource, SortedSet<string>> _formatted = [];
    private readonly Dictionary<string, ReferenceExpression> _conditionals = [];
    private readonly HashSet<object> _visiting = [];

    public DistributedApplicationExecutionContext ExecutionContext { get; } = executionContext;

    public string ManifestPath { get; } = manifestPath;

    public Utf8JsonWriter Writer { get; } = writer;

    internal async Task WriteModelAsync(DistributedApplicationModel model, CancellationToken cancellationToken)
    {
        Writer.WriteStartObject();
        Writer.WriteStartObject("resources");
        foreach (var resource in model.Resources)
            await WriteAsync(resource);
        foreach (var resource in _referenced.Values.Except(model.Resources).ToArray())
            await WriteAsync(resource);
        foreach (var parameter in _formatted.Keys.ToArray())
            WriteFormatted(parameter);
        foreach (var (name, conditional) in _conditionals)
        {
            Writer.WriteStartObject(name);
            Writer.WriteString("type", "value.v0");
            Writer.WriteString("connectionString", await conditional.GetValueAsync(cancellationToken) ?? "");
            Writer.WriteEndObject();
        }
        Writer.WriteEndObject();
        Writer.WriteEndObject();
        await Writer.FlushAsync(cancellationToken);
    }

    private async Task WriteAsync(IResource resource)
    {
        if (resource.Annotations.OfType<ExcludeFromManifestAnnotation>().Any())
            return;

        Writer.WriteStartObject(resource.Name);
        switch (resource)
        {
            case ContainerResource container:
                await WriteContainerAsync(container);
                break;
            case ProjectResource project:
                Writer.WriteString("type", "project.v0");
                Writer.WriteString("path", RelativePath(project.Metadata.ProjectPath));
                await WriteArgumentsAsync(project);
                await WriteEnvironmentAsync(project);
                WriteBindings(project);
                break;
            case ExecutableResource executable:
                Writer.WriteString("type", "executable.v0");
                Writer.WriteString("workingDirectory", RelativePath(executable.WorkingDirectory));
                Writer.WriteString("command", executable.Command);
                await WriteArgumentsAsync(executable);
                await WriteEnvironmentAsync(executable);
                WriteBindings(executable);
                break;
            case ParameterResource parameter:
                WriteParameter(parameter);
                break;
            case IResourceWithConnectionString connection:
                Writer.WriteString("type", "value.v0");
                WriteConnectionString(connection);
                break;
            default:
                Writer.WriteString("error", "This resource does not support generation in the manifest.");
                break;
        }
        Writer.WriteEndObject();
        if (resource is ParameterResource written)
            WriteFormatted(written);
    }

    private async Task WriteContainerAsync(ContainerResource container)
    {
        Writer.WriteString("type", "container.v0");
        if (container is IResourceWithConnectionString connection)
            WriteConnectionString(connection);
        Writer.WriteString("image", container.Annotations.OfType<ContainerImageAnnotation>().Last().Image);
        if (container.Entrypoint is { } entrypoint)
            Writer.WriteString("entrypoint", entrypoint);
        await WriteArgumentsAsync(container);
        WriteMounts(container);
        await WriteEnvironmentAsync(container);
        WriteBindings(container);
    }

    private void WriteMounts(IResource container)
    {
        foreach (var group in container.Annotations.OfType<ContainerMountAnnotation>().GroupBy(mount => mount.IsBindMount).OrderByDescending(group => group.Key))
        {
            Writer.WriteStartArray(group.Key ? "bindMounts" : "volumes");
            foreach (var mount in group)
            {
                Writer.WriteStartObject();
                Writer.WriteString(group.Key ? "source" : "name", group.Key ? RelativePath(mount.Source) : mount.Source);
                Writer.WriteString("target", mount.Target);
                Writer.WriteBoolean("readOnly", mount.IsReadOnly);
                Writer.WriteEndObject();
            }
            Writer.WriteEndArray();
        }
    }

    private void WriteParameter(ParameterResource parameter)
    {
        Writer.WriteString("type", "parameter.v0");
        if (parameter.IsConnectionString)
            Writer.WriteString("connectionString", $"{{{parameter.Name}.value}}");
        Writer.WriteString("value", $"{{{parameter.Name}.inputs.value}}");
        Writer.WriteStartObject("inputs");
        Writer.WriteStartObject("value");
        Writer.WriteString("type", "string");
        if (parameter.Secret)
            Writer.WriteBoolean("secret", true);
        if (parameter.Default is { } value)
        {
            Writer.WriteStartObject("default");
            value.WriteToManifest(this);
            Writer.WriteEndObject();
        }
        Writer.WriteEndObject();
        Writer.WriteEndObject();
    }

    private void WriteConnectionString(IResourceWithConnectionString resource)
    {
        Reference(resource.ConnectionStringExpression);
        Writer.WriteString("connectionString", ExpressionOf(resource.ConnectionStringExpression));
    }

    private async Task WriteArgumentsAsync(IResource resource)
    {
        var arguments = await ResourceConfiguration.GetArgumentsAsync(resource, ExecutionContext);
        if (arguments.Count == 0)
            return;
        Writer.WriteStartArray("args");
        foreach (var argument in arguments)
        {
            Writer.WriteStringValue(ExpressionOf(argument));
            Reference(argument);
        }
        Writer.WriteEndArray();
    }

    private async Task WriteEnvironmentAsync(IResource resource)
    {
        var variables = await ResourceConfiguration.GetVariablesAsync(resource, ExecutionContext);
        if (variables.Count == 0)
            return;
        Writer.WriteStartObject("env");
        foreach (var (name, value) in variables)
        {
            Writer.WriteString(name, ExpressionOf(value));
            Reference(value);
        }
        Writer.WriteEndObject();
    }

    private void WriteBindings(IResource resource)
    {
        var endpoints = resource.Annotations.OfType<EndpointAnnotation>().ToArray();
        if (endpoints.Length == 0)
            return;
        Writer.WriteStartObject("bindings");
        foreach (var endpoint in endpoints)
        {
            Writer.WriteStartObject(endpoint.Name);
            Writer.WriteString("scheme", endpoint.UriScheme);
            Writer.WriteString("protocol", endpoint.Protocol.ToString().ToLowerInvariant());
            Writer.WriteString("transport", endpoint.Transport);
            if (endpoint.Port is { } port && port != endpoint.TargetPort)
                Writer.WriteNumber("port", port);
            if (endpoint.TargetPort is { } targetPort)
                Writer.WriteNumber("targetPort", targetPort);
            if (endpoint.IsExternal)
                Writer.WriteBoolean("external", true);
            Writer.WriteEndObject();
        }
        Writer.WriteEndObject();
    }

    private string ExpressionOf(object value) => value switch
    {
        ReferenceExpression { IsConditional: false } expression => string.Format(
            CultureInfo.InvariantCulture, expression.Format, [.. Enumerable.Range(0, expression.ValueProviders.Count).Select(i => ExpressionOf(expression, i))]),
        IManifestExpressionProvider provider => provider.ValueExpression,
        IResourceBuilder<IResource> { Resource: IManifestExpressionProvider provider } => provider.ValueExpression,
        _ => Convert.ToString(value, CultureInfo.InvariantCulture) ?? "",
    };

    private static string ExpressionOf(ReferenceExpression expression, int index) =>
        expression.StringFormats[index] is { } format && expression.ValueProviders[index] is ParameterResource parameter
            ? $"{{{FormattedName(parameter, format)}.value}}"
            : expression.ManifestExpressions[index];

    /// <summary>Remembers what the value is made of: it must stand in the manifest too.</summary>
    private void Reference(object? value)
    {
        if (value is ReferenceExpression expression)
            Remember(expression);
        if (value is IResource resource)
            _referenced.TryAdd(resource.Name, resource);
        else if (value is IValueWithReferences composed && _visiting.Add(composed))
        {
            foreach (var part in composed.References)
                Reference(part);
            _visiting.Remove(composed);
        }
    }

    private void Remember(ReferenceExpression expression)
    {
        if (expression.IsConditional)
            _conditionals.TryAdd(expression.Name!, expression);
        for (var i = 0; i < expression.ValueProviders.Count; i++)
        {
            if (expression.StringFormats[i] is { } format && expression.ValueProviders[i] is ParameterResource parameter)
            {
                if (!_formatted.TryGetValue(parameter, out var formats))
                    _formatted[parameter] = formats = new SortedSet<string>(StringComparer.Ordinal);
                formats.Add(format);
            }
        }
    }

    private void WriteFormatted(ParameterResource parameter)
    {
        if (!_formatted.Remove(parameter, out var formats))
            return;
        foreach (var format in formats)
        {
            Writer.WriteStartObject(FormattedName(parameter, format));
            Writer.WriteString("type", "annotated.string");
            Writer.WriteString("value", parameter.ValueExpression);
            Writer.WriteString("filter", format);
            Writer.WriteEndObject();
        }
    }

    private static string FormattedName(ParameterResource parameter, string format) => $"{parameter.Name}-{format}-encoded";

    private string RelativePath(string path) =>
        Path.GetRelativePath(Path.GetDirectoryName(Path.GetFullPath(ManifestPath))!, path).Replace('\\', '/');
}
