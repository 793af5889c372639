using System.Net.Http.Headers;
using System.Text;
using Chat.Realtime;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;

namespace Chat.Tests.Realtime;

/// <summary>The addresses of the servers that a node needs.</summary>
/// <param name="FastPath">False: the node serves WebSockets on the framework's path.</param>
public sealed record Backing(string Redis, string Kafka, string Postgres, bool FastPath = true);

/// <summary>The whole node inside the test process: real Kestrel on a loopback port, real Redis, Kafka and Postgres.</summary>
public sealed class TestNode : IAsyncDisposable
{
    private static readonly byte[] SigningKey = Encoding.ASCII.GetBytes("a key for tests that is 33 bytes.");
    public static readonly string SigningKeyText = Convert.ToBase64String(SigningKey);
    private readonly WebApplication _app;
    private bool _stopped;

    private TestNode(WebApplication app, Backing backing)
    {
        (_app, Backing) = (app, backing);
        Address = new Uri(app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First());
    }

    public Backing Backing { get; }
    public Uri Address { get; }
    public IServiceProvider Services => _app.Services;

    public static Task<TestNode> StartAsync(Backing backing, params (string Key, string Value)[] settings) => StartAsync(backing, log: null, settings);

    public static Task<TestNode> StartAsync(Backing backing, KeptLog? log, params (string Key, string Value)[] settings) => StartAsync(backing, log, _ => Task.CompletedTask, settings);

    /// <param name="built">Runs when the node is made and not started yet.</param>
    public static async Task<TestNode> StartAsync(Backing backing, KeptLog? log, Func<IServiceProvider, Task> built, params (string Key, string Value)[] settings)
    {
        var builder = WebApplication.CreateBuilder(new WebApplicationOptions { EnvironmentName = "Production", ApplicationName = typeof(NodeMetrics).Assembly.GetName().Name });
        builder.Configuration.Sources.Clear();
        builder.Configuration.AddInMemoryCollection(new Dictionary<string, string?>
        {
            ["urls"] = "http://127.0.0.1:0",
            ["ConnectionStrings:redis"] = backing.Redis,
            ["ConnectionStrings:kafka"] = backing.Kafka,
            ["ConnectionStrings:chatdb"] = backing.Postgres,
            ["Chat:Auth:SigningKey"] = SigningKeyText,
            ["Chat:Transport:FastPath"] = backing.FastPath ? "true" : "false",
            ["Chat:Limits:Enabled"] = "false",
            ["Chat:Drain:Seconds"] = "0",
            ["Logging:LogLevel:Default"] = "Error",
            ["Logging:LogLevel:StackExchange.Redis"] = "None",
            ["Logging:LogLevel:Microsoft.EntityFrameworkCore"] = "None",
        });
        builder.Configuration.AddInMemoryCollection(settings.Select(setting => KeyValuePair.Create(setting.Key, (string?)setting.Value)));
        if (log is not null)
        {
            builder.Logging.ClearProviders();
            builder.Logging.AddProvider(log);
        }
        var app = Node.Build(builder);
        await built(app.Services);
        await app.StartAsync();
        var node = new TestNode(app, backing);
        try
        {
            await node.WhenHealthyAsync();
            return node;
        }
        catch
        {
            await node.DisposeAsync();
            throw;
        }
    }

    /// <summary>A token as an application's own server mints it.</summary>
    public static string Token(string userId, TimeSpan? lifetime = null) =>
        new JsonWebTokenHandler { SetDefaultTimesOnTokenCreation = false }.CreateToken(new SecurityTokenDescriptor
        {
            Issuer = "chat",
            Audience = "chat",
            Expires = DateTime.UtcNow + (lifetime ?? TimeSpan.FromHours(1)),
            Claims = new Dictionary<string, object> { ["sub"] = userId, ["name"] = userId },
            SigningCredentials = new SigningCredentials(new SymmetricSecurityKey(SigningKey), SecurityAlgorithms.HmacSha256),
        });

    /// <summary>A client of the HTTP API that is signed in.</summary>
    public HttpClient Http(string userId)
    {
        var http = new HttpClient { BaseAddress = Address, Timeout = TimeSpan.FromSeconds(20) };
        http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", Token(userId));
        return http;
    }

    /// <summary>An open connection whose welcome was read.</summary>
    public async Task<TestClient> ConnectAsync(string userId)
    {
        var client = await TestClient.OpenAsync(Address, Token(userId));
        await client.NextAsync("welcome");
        return client;
    }

    public async Task StopAsync()
    {
        if (_stopped) return;
        _stopped = true;
        await _app.StopAsync().WaitAsync(TimeSpan.FromSeconds(30));
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        await _app.DisposeAsync();
    }

    private async Task WhenHealthyAsync()
    {
        using var http = new HttpClient { BaseAddress = Address };
        var body = "";
        for (var deadline = DateTime.UtcNow.AddSeconds(40); DateTime.UtcNow < deadline; await Task.Delay(100))
        {
            using var answer = await http.GetAsync("/health");
            body = await answer.Content.ReadAsStringAsync();
            if (body.Contains("\"status\":\"healthy\"")) return;
        }
        throw new TimeoutException($"The node is not healthy: {body}");
    }
}
