using Chat.LocalHosting.Engine;

namespace Aspire.Hosting.Testing;

/// <summary>Runs a whole AppHost inside a test: no dashboard, random ports, and a data directory of its own unless the arguments say otherwise.</summary>
public static class DistributedApplicationTestingBuilder
{
    public static Task<IDistributedApplicationTestingBuilder> CreateAsync<TEntryPoint>(CancellationToken cancellationToken = default)
        where TEntryPoint : class => CreateAsync<TEntryPoint>([], cancellationToken);

    /// <param name="args">Configuration that beats everything else, such as <c>CHAT_NODES=3</c>.</param>
    /// <param name="cancellationToken">Stops waiting for the AppHost to make its model.</param>
    public static Task<IDistributedApplicationTestingBuilder> CreateAsync<TEntryPoint>(string[] args, CancellationToken cancellationToken = default)
        where TEntryPoint : class => CreateAsync(typeof(TEntryPoint), args, cancellationToken);

    public static async Task<IDistributedApplicationTestingBuilder> CreateAsync(
        Type entryPoint, string[] args, CancellationToken cancellationToken = default)
    {
        var temporary = Path.Combine(Path.GetTempPath(), $"chat-tests-{Environment.ProcessId}-{Guid.NewGuid():N}");
        var options = new DistributedApplicationOptions { Args = args, DisableDashboard = true };
        var defaults = new Dictionary<string, string?>
        {
            ["DcpPublisher:RandomizePorts"] = "true",
            [EngineSettings.TemporaryDataKey] = temporary,
            ["CHAT_DATA"] = temporary,
        };
        return await new AppHostEntryPoint(entryPoint.Assembly, options, defaults).StartAsync(cancellationToken);
    }
}
