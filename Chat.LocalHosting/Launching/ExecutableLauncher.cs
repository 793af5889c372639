using Aspire.Hosting;
using Aspire.Hosting.ApplicationModel;
using Chat.LocalHosting.Processes;

namespace Chat.LocalHosting.Launching;

/// <summary>Runs any program; without a health check it is healthy as long as it runs.</summary>
internal sealed class ExecutableLauncher(ExecutableResource executable, DistributedApplicationExecutionContext context, HttpClient http)
    : WebLauncher(executable, context, http)
{
    public override string Type => "executable";

    public override async Task<ChildCommand> PrepareAsync(int replica, CancellationToken cancellationToken) =>
        new(executable.Command, await GetArgumentsAsync(cancellationToken))
        {
            Environment = await GetEnvironmentAsync(replica, cancellationToken),
            WorkingDirectory = executable.WorkingDirectory,
        };
}
