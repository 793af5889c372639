using System.Diagnostics;
using Aspire.Hosting;
using Aspire.Hosting.ApplicationModel;
using Aspire.Hosting.Testing;
using Chat.Client;
using Chat.Contracts.Api;

namespace Chat.Tests.EndToEnd;

/// <summary>
/// The whole system as <c>Chat.AppHost</c> describes it, with two nodes, random ports and a data directory of its own. Limits are off,
/// since the tests are many users behind one address.
/// </summary>
internal sealed class ChatSystem : IAsyncDisposable
{
    private static readonly TimeSpan StartPatience = TimeSpan.FromSeconds(90);
    private static int _people;

    private readonly IDistributedApplicationTestingBuilder _builder;
    private readonly DistributedApplication _app;

    private ChatSystem(IDistributedApplicationTestingBuilder builder, DistributedApplication app) => (_builder, _app) = (builder, app);

    /// <summary>The public origin.</summary>
    public Uri Origin => _app.GetEndpoint("gateway", "http");

    /// <summary>The public origin with TLS and a self-signed certificate.</summary>
    public Uri SecureOrigin => _app.GetEndpoint("gateway", "https");

    /// <param name="settings">Settings besides or instead of the usual ones, as <c>name=value</c>.</param>
    public static async Task<ChatSystem> StartAsync(params string[] settings)
    {
        using var patience = new CancellationTokenSource(StartPatience);
        var builder = await DistributedApplicationTestingBuilder.CreateAsync<Projects.Chat_AppHost>(
            ["CHAT_NODES=2", "Chat:Limits:Enabled=false", "Chat:Drain:Seconds=1", .. settings], patience.Token);
        var app = await builder.BuildAsync(patience.Token);
        var system = new ChatSystem(builder, app);
        try
        {
            await app.StartAsync(patience.Token);
            // A server that was given is not the system's to watch.
            foreach (var resource in ((string[])["redis", "kafka", "postgres", "realtime", "persister", "frontend", "gateway"]).Where(name => !settings.Any(setting => setting.StartsWith($"ConnectionStrings:{name}=", StringComparison.Ordinal))))
                await system.HealthyAsync(resource);
            return system;
        }
        catch
        {
            await system.DisposeAsync();
            throw;
        }
    }

    /// <summary>The address of one node, past the gateway; nodes count from 1.</summary>
    public async Task<Uri> NodeAsync(int number)
    {
        var running = await CurrentAsync($"realtime-{number}", snapshot => snapshot.Urls.Length > 0);
        return new Uri(running.Urls[0].Url);
    }

    /// <summary>Waits until all processes of a resource, or one process, are healthy.</summary>
    public async Task HealthyAsync(string name)
    {
        using var patience = new CancellationTokenSource(StartPatience);
        try
        {
            await _app.ResourceNotifications.WaitForResourceHealthyAsync(name, patience.Token);
        }
        catch (OperationCanceledException)
        {
            throw new TimeoutException($"Expected {name} to be healthy within {StartPatience.TotalSeconds} s.");
        }
    }

    /// <summary>Kills a process as the kernel would, and waits until the engine has started it again and it is healthy.</summary>
    public async Task KillAsync(string name)
    {
        var pid = (await CurrentAsync(name, snapshot => snapshot.Pid is not null)).Pid!.Value;
        using (var process = Process.GetProcessById(pid)) process.Kill();
        await CurrentAsync(name, snapshot => snapshot.Pid is { } now && now != pid);
        await HealthyAsync(name);
    }

    /// <summary>Kills processes as the kernel would and keeps them down until <paramref name="meanwhile"/> is over; waits until they are healthy again.</summary>
    public async Task KillAsync(string[] names, Func<Task> meanwhile)
    {
        foreach (var name in names)
        {
            var pid = (await CurrentAsync(name, snapshot => snapshot.Pid is not null)).Pid!.Value;
            using (var process = Process.GetProcessById(pid)) process.Kill();
            // The engine would start it again at once.
            await ExecuteAsync(name, KnownResourceCommands.StopCommand);
        }
        await meanwhile();
        foreach (var name in names) await ExecuteAsync(name, KnownResourceCommands.StartCommand);
        foreach (var name in names) await HealthyAsync(name);
    }

    /// <summary>Stops and starts a process as an operator would.</summary>
    public async Task RestartAsync(string name)
    {
        await ExecuteAsync(name, KnownResourceCommands.RestartCommand);
        await HealthyAsync(name);
    }

    public async Task<string> ConnectionStringAsync(string name) =>
        await _app.GetConnectionStringAsync(name) ?? throw new InvalidOperationException($"{name} has no connection string.");

    /// <summary>Makes an account and signs it in, through the gateway.</summary>
    public async Task<Person> RegisterAsync(string name)
    {
        var http = new HttpClient { BaseAddress = Origin };
        var anonymous = new ChatApi(http);
        var userName = $"{name}{Interlocked.Increment(ref _people)}";
        var session = await anonymous.RegisterAsync(new RegisterRequest(userName, "correct horse battery")).Within($"the account of {userName}");
        return new Person(this, session, new SessionTokens(anonymous, session));
    }

    public async ValueTask DisposeAsync()
    {
        await _app.DisposeAsync();
        await _builder.DisposeAsync();
    }

    private async Task ExecuteAsync(string name, string command)
    {
        var result = await _app.ResourceCommands.ExecuteCommandAsync(name, command);
        Assert.True(result.Success, result.ErrorMessage);
    }

    private async Task<CustomResourceSnapshot> CurrentAsync(string name, Func<CustomResourceSnapshot, bool> condition)
    {
        using var patience = new CancellationTokenSource(StartPatience);
        var found = await _app.ResourceNotifications.WaitForResourceAsync(name, e => condition(e.Snapshot), patience.Token);
        return found.Snapshot;
    }
}
