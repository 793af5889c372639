using Aspire.Hosting;
using Aspire.Hosting.ApplicationModel;

namespace Chat.LocalHosting.Engine;

/// <summary>Runs the callbacks of a resource and resolves what they gave to plain text.</summary>
internal static class ResourceConfiguration
{
    public static async Task<Dictionary<string, object>> GetVariablesAsync(IResource resource, DistributedApplicationExecutionContext context)
    {
        var variables = new Dictionary<string, object>();
        foreach (var annotation in resource.Annotations.OfType<EnvironmentCallbackAnnotation>().ToArray())
            await annotation.Callback(new EnvironmentCallbackContext(context, resource, variables));
        return variables;
    }

    public static async Task<List<object>> GetArgumentsAsync(IResource resource, DistributedApplicationExecutionContext context)
    {
        var arguments = new List<object>();
        foreach (var annotation in resource.Annotations.OfType<CommandLineArgsCallbackAnnotation>().ToArray())
            await annotation.Callback(new CommandLineArgsCallbackContext(arguments, context, resource));
        return arguments;
    }

    public static async Task<string?> ResolveAsync(object value, CancellationToken cancellationToken) => value switch
    {
        string text => text,
        IValueProvider provider => await provider.GetValueAsync(cancellationToken),
        IResourceBuilder<IResource> { Resource: IValueProvider provider } => await provider.GetValueAsync(cancellationToken),
        _ => Convert.ToString(value, System.Globalization.CultureInfo.InvariantCulture),
    };
}
