using System.Globalization;
using System.Reflection;
using Aspire.Hosting;
using Chat.LocalHosting.Processes;
using Microsoft.Extensions.Configuration;

namespace Chat.LocalHosting.Engine;

/// <summary>What the engine itself takes from the configuration.</summary>
internal sealed record EngineSettings
{
    /// <summary>Names a data directory that was made for one test; it is deleted in the end.</summary>
    public const string TemporaryDataKey = "LocalEngine:TemporaryData";

    private const int DefaultDashboardPort = 18888;
    private const string EndpointsSection = "LocalEngine:Endpoints";

    public required string DataDirectory { get; init; }

    public bool DeleteDataAtEnd { get; init; }

    public required DistributedApplicationExecutionContext Context { get; init; }

    /// <summary>The assembly that describes the application; it also knows where the local broker's project is.</summary>
    public Assembly? AppHost { get; init; }

    /// <summary>Null = no dashboard.</summary>
    public int? DashboardPort { get; init; }

    /// <summary>Fixed ports of the model are ignored, so that test runs do not get in each other's way.</summary>
    public bool RandomizePorts { get; init; }

    /// <summary>
    /// Servers that something else stands before, by the names of their resources: <c>LocalEngine:Endpoints:redis:Port</c> is what references are told,
    /// <c>…:TargetPort</c> where the server listens. Who stands between, such as a proxy of a test, connects the two.
    /// </summary>
    public IReadOnlyDictionary<string, ServerPorts> ServerPorts { get; init; } = new Dictionary<string, ServerPorts>();

    public static EngineSettings Read(IDistributedApplicationBuilder builder, bool disableDashboard)
    {
        var configuration = builder.Configuration;
        return new EngineSettings
        {
            DataDirectory = Engine.DataDirectory.PathFor(builder),
            DeleteDataAtEnd = configuration[TemporaryDataKey] == Engine.DataDirectory.PathFor(builder),
            Context = builder.ExecutionContext,
            AppHost = builder.AppHostAssembly,
            DashboardPort = disableDashboard ? null : Port(configuration["CHAT_DASHBOARD_PORT"]),
            RandomizePorts = configuration.GetValue("DcpPublisher:RandomizePorts", false),
            ServerPorts = configuration.GetSection(EndpointsSection).GetChildren().ToDictionary(
                server => server.Key,
                server => new ServerPorts(Given(server, nameof(Engine.ServerPorts.Port)), Given(server, nameof(Engine.ServerPorts.TargetPort))),
                StringComparer.OrdinalIgnoreCase),
        };
    }

    private static int Given(IConfigurationSection server, string name) =>
        int.TryParse(server[name], NumberStyles.None, CultureInfo.InvariantCulture, out var port) && port is > 0 and <= 65535
            ? port
            : throw new DistributedApplicationException($"{server.Path}:{name} is '{server[name]}': it must be a port number. Port and TargetPort belong together.");

    private static int Port(string? text)
    {
        if (string.IsNullOrEmpty(text))
            return DefaultDashboardPort;
        return int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var port) && port <= 65535
            ? port == 0 ? LoopbackPort.Pick() : port
            : throw new DistributedApplicationException($"CHAT_DASHBOARD_PORT is '{text}': it must be a port number (0 = any free one).");
    }
}

/// <summary>Where a server is called, and where it listens.</summary>
internal readonly record struct ServerPorts(int Port, int TargetPort);
