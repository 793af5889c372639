using System.Collections.Concurrent;
using System.Net.Http.Json;
using Chat.Contracts;
using Chat.Gateway;
using Chat.Gateway.Routing;
using Chat.ServiceDefaults;
using Chat.Tests.Backends;
using Chat.Tests.People;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using StackExchange.Redis;
using Yarp.ReverseProxy;
using LogEventId = Microsoft.Extensions.Logging.EventId;

namespace Chat.Tests.Gateway;

/// <summary>The gateway as it runs, with a Redis of its own, and the targets that a test starts behind it.</summary>
internal sealed class GatewayHost : IAsyncDisposable
{
    public const string Secret = "the-shared-secret";

    private readonly List<Target> _targets = [];
    private readonly TestDirectory _data = new();
    private WebApplication _app = null!;

    public RedisTestServer Redis { get; private set; } = null!;

    public IConnectionMultiplexer Connection { get; private set; } = null!;

    public HttpClient Client { get; private set; } = null!;

    public IReadOnlyList<Target> Targets => _targets;

    public CapturedLog LogLines { get; } = new();

    public string DataDirectory => _data.Path;

    public Uri Http => new(_app.Urls.First(url => url.StartsWith("http:", StringComparison.Ordinal)));

    public Uri Https => new(_app.Urls.First(url => url.StartsWith("https:", StringComparison.Ordinal)));

    public static async Task<GatewayHost> StartAsync(int nodes = 1, int frontends = 0, Action<WebApplicationBuilder>? configure = null)
    {
        var host = new GatewayHost();
        try
        {
            host.Redis = await RedisFixture.StartServerAsync();
            host.Connection = await ConnectionMultiplexer.ConnectAsync(host.Redis.ConnectionString + ",abortConnect=false");
            for (var i = 1; i <= nodes; i++) await host.AddNodeAsync($"node-{i}");
            for (var i = 1; i <= frontends; i++) await host.AddFrontendAsync($"frontend-{i}");
            await host.StartGatewayAsync(configure);
            return host;
        }
        catch
        {
            await host.DisposeAsync();
            throw;
        }
    }

    public async Task<Target> AddNodeAsync(string name) => await AddAsync(name, RedisKeys.Nodes);

    public async Task<Target> AddFrontendAsync(string name) => await AddAsync(name, RedisKeys.Frontends);

    public async Task<Seen> GetAsync(string path) =>
        await Client.GetFromJsonAsync<Seen>(path) ?? throw new InvalidOperationException("The target said nothing.");

    /// <summary>What SIGTERM begins; done when the process would end.</summary>
    public Task StopGatewayAsync() => _app.StopAsync();

    /// <summary>Stops the gateway and starts one again with the same data directory.</summary>
    public async Task RestartGatewayAsync()
    {
        await _app.DisposeAsync();
        Client.Dispose();
        await StartGatewayAsync(null);
    }

    public async ValueTask DisposeAsync()
    {
        Client?.Dispose();
        if (_app is not null) await _app.DisposeAsync();
        foreach (var target in _targets) await target.DisposeAsync();
        if (Connection is not null) await Connection.DisposeAsync();
        if (Redis is not null) await Redis.DisposeAsync();
        _data.Dispose();
    }

    private async Task<Target> AddAsync(string name, string leases)
    {
        var target = await Target.StartAsync(name, Connection, leases, Secret);
        _targets.Add(target);
        return target;
    }

    private async Task StartGatewayAsync(Action<WebApplicationBuilder>? configure)
    {
        var builder = WebApplication.CreateBuilder(new WebApplicationOptions { EnvironmentName = Environments.Production });
        builder.WebHost.UseUrls("http://127.0.0.1:0", "https://127.0.0.1:0");
        builder.Logging.ClearProviders().AddProvider(LogLines);
        builder.Configuration[TrustedProxy.SecretKey] = Secret;
        builder.Configuration[GatewayServices.DataDirectoryKey] = DataDirectory;
        builder.Services.AddSingleton(Connection);
        builder.Services.AddHealthChecks();
        builder.AddGateway();
        configure?.Invoke(builder);
        _app = builder.Build();
        _app.MapHealthChecks("/health");
        _app.MapGateway();
        await _app.StartAsync();
        // Who asks whether a body is wanted waits for the answer: a busy gateway may need longer than the client's second.
        var handler = new SocketsHttpHandler { UseCookies = false, Expect100ContinueTimeout = TimeSpan.FromSeconds(30) };
        Client = new HttpClient(handler) { BaseAddress = Http, Timeout = TimeSpan.FromSeconds(30) };
        // What was announced is routed to a moment later: the proxy takes up a new configuration by itself.
        var routes = _app.Services.GetRequiredService<IProxyStateLookup>();
        await Until.TrueAsync(
            () => _targets.Count == 0 || DestinationsOf(routes, GatewayRoutes.Nodes) + DestinationsOf(routes, GatewayRoutes.Frontends) >= _targets.Count,
            "the gateway knows its targets");
    }

    private static int DestinationsOf(IProxyStateLookup routes, string cluster) =>
        routes.TryGetCluster(cluster, out var state) ? state.DestinationsState.AvailableDestinations.Count : 0;
}

/// <summary>What was logged, as text.</summary>
internal sealed class CapturedLog : ILoggerProvider
{
    private readonly ConcurrentQueue<string> _lines = new();

    public bool Any(Func<string, bool> predicate) => _lines.Any(predicate);

    public override string ToString() => string.Join('\n', _lines);

    public ILogger CreateLogger(string categoryName) => new Writer(_lines);

    public void Dispose()
    {
    }

    private sealed class Writer(ConcurrentQueue<string> lines) : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, LogEventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            lines.Enqueue($"{formatter(state, exception)} {exception}");
    }
}
