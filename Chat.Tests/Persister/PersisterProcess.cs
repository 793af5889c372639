using Chat.Data.Model;
using Chat.Persister;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Chat.Tests.Persister;

/// <summary>A persister on real servers: everything of its Program but the web server.</summary>
internal sealed class PersisterProcess : IAsyncDisposable
{
    private readonly IHost _host;
    private bool _isStopped;

    private PersisterProcess(IHost host) => _host = host;

    /// <summary>The services of a persister that does not run: its stages are called by the test.</summary>
    public static PersisterProcess Build(string kafka, string redis, string database, params (string Key, string Value)[] settings)
    {
        var builder = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings());
        builder.Configuration.AddInMemoryCollection(new Dictionary<string, string?>
        {
            ["ConnectionStrings:kafka"] = kafka,
            ["ConnectionStrings:redis"] = redis,
            ["ConnectionStrings:chatdb"] = database + ";Timeout=2;Command Timeout=5",
        });
        builder.Configuration.AddInMemoryCollection(settings.ToDictionary(s => s.Key, s => (string?)s.Value));
        if (Environment.GetEnvironmentVariable("CHAT_TEST_LOGS") is not null)
            builder.Logging.AddConsole().SetMinimumLevel(LogLevel.Information);
        builder.AddRedisClient("redis", configureOptions: RedisTimeouts.Set);
        builder.AddNpgsqlDataSource("chatdb", settings => settings.ConnectionString = PostgresClient.Configure(settings.ConnectionString));
        builder.AddNpgsqlDbContext<ChatDb>("chatdb");
        builder.AddPersister();
        return new PersisterProcess(builder.Build());
    }

    public static async Task<PersisterProcess> StartAsync(string kafka, string redis, string database, params (string Key, string Value)[] settings)
    {
        var process = Build(kafka, redis, database, settings);
        await process._host.StartAsync();
        return process;
    }

    public T Get<T>() where T : notnull => _host.Services.GetRequiredService<T>();

    public async Task StopAsync()
    {
        if (_isStopped)
            return;
        _isStopped = true;
        await _host.StopAsync().WaitAsync(TimeSpan.FromSeconds(30));
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        _host.Dispose();
    }
}
