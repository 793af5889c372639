using System.Net;
using Chat.LoadTest.Platform;

namespace Chat.LoadTest.Faults;

/// <summary>
/// A proxy before each of Redis, Kafka and Postgres: the engine tells the services the proxies' addresses, while health checks and this program
/// go to the servers themselves.
/// </summary>
internal sealed class BackingLinks : IAsyncDisposable
{
    // 80 kB/s for each connection and direction, 50 ms later: enough for the services to get somewhere, too little for what they want.
    private const int SlowBytes = 4 * 1024;

    private readonly Dictionary<string, FaultProxy> _proxies = [];
    private readonly Dictionary<string, string> _settings = [];

    public BackingLinks()
    {
        foreach (var server in FaultCatalogue.Servers)
        {
            var port = ServerPort.Pick();
            var proxy = new FaultProxy($"the link to {server}", new IPEndPoint(IPAddress.Loopback, port), SlowBytes);
            _proxies[server] = proxy;
            _settings[$"LocalEngine__Endpoints__{server}__Port"] = $"{proxy.Address.Port}";
            _settings[$"LocalEngine__Endpoints__{server}__TargetPort"] = $"{port}";
        }
    }

    /// <summary>What the AppHost has to be started with.</summary>
    public IReadOnlyDictionary<string, string> Settings => _settings;

    public FaultProxy Before(string server) => _proxies[server];

    public async ValueTask DisposeAsync()
    {
        foreach (var proxy in _proxies.Values) await proxy.DisposeAsync();
    }
}
