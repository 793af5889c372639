using Aspire.Hosting.ApplicationModel;

namespace Aspire.Hosting.ApplicationModel
{
    /// <summary>Any program.</summary>
    public sealed class ExecutableResource(string name, string command, string workingDirectory) : Resource(name),
        IResourceWithEnvironment, IResourceWithArgs, IResourceWithServiceDiscovery, IResourceWithWaitSupport
    {
        public string Command { get; } = command;

        public string WorkingDirectory { get; } = workingDirectory;
    }
}

namespace Aspire.Hosting
{
    public static class ExecutableResourceBuilderExtensions
    {
        public static IResourceBuilder<ExecutableResource> AddExecutable(
            this IDistributedApplicationBuilder builder, string name, string command, string workingDirectory, params string[]? args) =>
            builder.AddResource(new ExecutableResource(name, command, Path.GetFullPath(workingDirectory, builder.AppHostDirectory)))
                .WithArgs(args ?? []);
    }
}
