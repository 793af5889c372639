using System.Security.Cryptography;
using Chat.Realtime;
using Chat.Tests.Backends;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace Chat.Tests.Api;

/// <summary>A whole node inside the test process: the product's own start, Kestrel on a loopback port, real Postgres, Redis and log.</summary>
public sealed class ApiHost : IAsyncDisposable
{
    private static readonly TimeSpan StartTimeout = TimeSpan.FromSeconds(60);

    private readonly WebApplication _app;

    private ApiHost(WebApplication app, string database)
    {
        _app = app;
        Database = NpgsqlDataSource.Create(database);
    }

    public static string SigningKey { get; } = Convert.ToBase64String(RandomNumberGenerator.GetBytes(32));

    public Uri Address => new(_app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First());

    public IServiceProvider Services => _app.Services;

    public NpgsqlDataSource Database { get; }

    public static async Task<ApiHost> StartAsync(
        string database, string redis, string kafka, IEnumerable<KeyValuePair<string, string?>>? settings = null, Action<IServiceCollection>? services = null)
    {
        var builder = WebApplication.CreateBuilder();
        builder.Configuration.AddInMemoryCollection(new Dictionary<string, string?>
        {
            ["urls"] = "http://127.0.0.1:0",
            ["ConnectionStrings:chatdb"] = database,
            ["ConnectionStrings:redis"] = redis,
            ["ConnectionStrings:kafka"] = kafka,
            ["Chat:Auth:SigningKey"] = SigningKey,
            ["Chat:Origins:0"] = "https://app.example",
            ["Chat:Drain:Seconds"] = "0",
        });
        if (settings is not null) builder.Configuration.AddInMemoryCollection(settings);
        builder.Logging.SetMinimumLevel(LogLevel.Warning);
        services?.Invoke(builder.Services);
        var app = Node.Build(builder);
        await app.StartAsync().WaitAsync(StartTimeout);
        var host = new ApiHost(app, database);
        // The node serves what it can while it migrates; these tests want all of it.
        await Until.TrueAsync(() => host.QueryAsync<bool>("select to_regclass('outbox') is not null"), "the database is migrated", StartTimeout);
        return host;
    }

    /// <summary>Somebody with a token that an application's own server minted; the first use makes the user.</summary>
    public ApiCaller NewUser(string? name = null)
    {
        var userId = "u-" + Guid.NewGuid().ToString("N")[..16];
        return Caller(TestTokens.Mint(userId, name ?? userId), userId);
    }

    public ApiCaller Caller(string? accessToken, string userId = "") => new(Address, accessToken, userId);

    public async Task<T> QueryAsync<T>(string sql)
    {
        await using var command = Database.CreateCommand(sql);
        return (T)(await command.ExecuteScalarAsync())!;
    }

    public async ValueTask DisposeAsync()
    {
        await _app.StopAsync().WaitAsync(StartTimeout);
        await _app.DisposeAsync();
        await Database.DisposeAsync();
    }
}

/// <summary>
/// One node for the tests of the collection. Its Redis is its own: numbering belongs to one database, and other tests have others.
/// </summary>
public sealed class ApiFixture(PostgresFixture postgres, KafkaFixture kafka) : IAsyncLifetime
{
    private RedisTestServer? _redis;

    public ApiHost Host { get; private set; } = null!;

    /// <summary>The Redis database of <see cref="Host"/>.</summary>
    public string Redis { get; private set; } = "";

    public async ValueTask InitializeAsync()
    {
        _redis = await RedisFixture.StartServerAsync();
        Redis = _redis.CreateDatabase();
        Host = await StartAsync(new Dictionary<string, string?> { ["Chat:Limits:RequestsPerSecond"] = "0", ["ConnectionStrings:redis"] = Redis });
    }

    /// <summary>Another node with databases of its own.</summary>
    public async Task<ApiHost> StartAsync(IEnumerable<KeyValuePair<string, string?>> settings, Action<IServiceCollection>? services = null) =>
        await ApiHost.StartAsync(await postgres.CreateDatabaseAsync(), _redis!.CreateDatabase(), await kafka.GetConnectionStringAsync(), settings, services);

    public async ValueTask DisposeAsync()
    {
        if (Host is not null) await Host.DisposeAsync();
        if (_redis is not null) await _redis.DisposeAsync();
    }
}

[CollectionDefinition(Name)]
public sealed class ApiCollection : ICollectionFixture<ApiFixture>
{
    public const string Name = "api";
}
