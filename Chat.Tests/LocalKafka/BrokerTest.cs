using Chat.LocalKafka;

namespace Chat.Tests.LocalKafka;

/// <summary>Gives each test a broker in this process, on a free port and an empty directory.</summary>
public abstract class BrokerTest : IAsyncLifetime
{
    private readonly TemporaryDirectory _directory = new();
    private KafkaBroker? _broker;

    protected string Endpoint => _broker!.Endpoint;

    protected string Data => _directory.Path;

    protected virtual KafkaBrokerOptions Options => new() { Data = Data };

    public async ValueTask InitializeAsync() => _broker = await KafkaBroker.StartAsync(Options);

    public async ValueTask DisposeAsync()
    {
        await _broker!.DisposeAsync();
        _directory.Dispose();
        GC.SuppressFinalize(this);
    }

    /// <summary>A clean stop and a start on the same data and port.</summary>
    protected async Task RestartAsync()
    {
        var port = int.Parse(Endpoint[(Endpoint.LastIndexOf(':') + 1)..]);
        await _broker!.DisposeAsync();
        _broker = await KafkaBroker.StartAsync(Options with { Port = port });
    }
}
