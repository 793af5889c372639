using System.Globalization;
using Aspire.Hosting;
using Aspire.Hosting.ApplicationModel;
using Chat.LocalHosting.Backends;
using Chat.LocalHosting.Processes;

namespace Chat.LocalHosting.Launching;

/// <summary>Runs the local broker on its port.</summary>
internal sealed class KafkaLauncher(KafkaServerResource kafka, string executable, string dataDirectory) : Launcher
{
    public override string Type => "kafka";

    /// <summary>The second endpoint is for container networks, and nobody listens there.</summary>
    public override IEnumerable<string> UrlsOf(IResource resource, int replica) =>
        [$"{kafka.PrimaryEndpoint.Scheme}://{kafka.PrimaryEndpoint.Host}:{kafka.PrimaryEndpoint.ListeningPort}"];

    public override Task<ChildCommand> PrepareAsync(int replica, CancellationToken cancellationToken)
    {
        Directory.CreateDirectory(dataDirectory);
        return Task.FromResult(new ChildCommand(
            executable, "--data", dataDirectory, "--port", Text(kafka.PrimaryEndpoint.ListeningPort),
            // Clients call the broker back under the address that it names, whatever they called first.
            "--advertised-port", Text(kafka.PrimaryEndpoint.Port))
        {
            Environment = new Dictionary<string, string?> { ["DOTNET_ROOT"] = BuiltOutput.DotnetRoot },
        });
    }

    public override Task<bool> IsHealthyAsync(int replica, CancellationToken cancellationToken) =>
        KafkaProbe.IsReadyAsync(kafka.PrimaryEndpoint.ListeningPort, cancellationToken);

    private static string Text(int port) => port.ToString(CultureInfo.InvariantCulture);
}
