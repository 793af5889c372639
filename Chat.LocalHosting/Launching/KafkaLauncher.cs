using System.Globalization;
using Aspire.Hosting;
using Chat.LocalHosting.Backends;
using Chat.LocalHosting.Processes;

namespace Chat.LocalHosting.Launching;

/// <summary>Runs the local broker on its port.</summary>
internal sealed class KafkaLauncher(KafkaServerResource kafka, string executable, string dataDirectory) : Launcher
{
    public override string Type => "kafka";

    public override Task<ChildCommand> PrepareAsync(int replica, CancellationToken cancellationToken)
    {
        Directory.CreateDirectory(dataDirectory);
        return Task.FromResult(new ChildCommand(
            executable, "--data", dataDirectory, "--port", kafka.PrimaryEndpoint.Port.ToString(CultureInfo.InvariantCulture))
        {
            Environment = new Dictionary<string, string?> { ["DOTNET_ROOT"] = BuiltOutput.DotnetRoot },
        });
    }

    public override Task<bool> IsHealthyAsync(int replica, CancellationToken cancellationToken) =>
        KafkaProbe.IsReadyAsync(kafka.PrimaryEndpoint.Port, cancellationToken);
}
