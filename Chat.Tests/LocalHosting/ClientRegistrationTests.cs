using System.Collections.Concurrent;
using System.Diagnostics;
using Aspire.Confluent.Kafka;
using Chat.Tests.Backends;
using Confluent.Kafka;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Hosting;
using Npgsql;
using OpenTelemetry;
using OpenTelemetry.Instrumentation.StackExchangeRedis;
using OpenTelemetry.Trace;
using StackExchange.Redis;

namespace Chat.Tests.LocalHosting;

/// <summary>The client registrations do what Aspire's integrations do, against real servers.</summary>
public sealed class ClientRegistrationTests(RedisFixture redis, PostgresFixture postgres, KafkaFixture kafka)
{
    [Fact]
    public async Task Redis_is_connected_by_name_and_checked()
    {
        var builder = Builder("ConnectionStrings:cache", await redis.GetConnectionStringAsync());
        builder.AddRedisClient("cache");
        using var host = builder.Build();

        var database = host.Services.GetRequiredService<IConnectionMultiplexer>().GetDatabase();
        await database.StringSetAsync("client-registration", "1");

        Assert.Equal("1", await database.StringGetAsync("client-registration"));
        Assert.Equal(HealthStatus.Healthy, (await CheckAsync(host))["StackExchange.Redis"].Status);
    }

    [Fact]
    public async Task Redis_commands_are_spans_of_the_operation_that_sends_them()
    {
        using var source = new ActivitySource("test-of-redis-spans");
        var ended = new ConcurrentQueue<Activity>();
        var builder = Builder("ConnectionStrings:cache", await redis.GetConnectionStringAsync());
        builder.AddRedisClient("cache");
        builder.Services.Configure<StackExchangeRedisInstrumentationOptions>(options => options.FlushInterval = TimeSpan.FromMilliseconds(50));
        builder.Services.AddOpenTelemetry().WithTracing(tracing => tracing.AddSource(source.Name).AddProcessor(new Ended(ended)));
        using var host = builder.Build();
        await host.StartAsync();

        ActivityTraceId trace;
        using (var operation = source.StartActivity("operation"))
        {
            trace = operation!.TraceId;
            await host.Services.GetRequiredService<IConnectionMultiplexer>().GetDatabase().StringGetAsync("client-registration-span");
        }

        await Engines.UntilAsync(() => ended.Any(span => span.TraceId == trace && span.DisplayName.Contains("GET", StringComparison.OrdinalIgnoreCase)
            && span.Source.Name == "OpenTelemetry.Instrumentation.StackExchangeRedis"), "the command's span ends");
        await host.StopAsync();
    }

    [Theory]
    [InlineData(null, false)]
    [InlineData("http://127.0.0.1:1", true)]
    public void Commands_become_spans_only_for_a_collector(string? collector, bool traced)
    {
        var builder = Builder();
        builder.Configuration.AddInMemoryCollection(new Dictionary<string, string?>
        {
            ["ConnectionStrings:cache"] = "127.0.0.1:1",
            ["ConnectionStrings:db"] = "Host=x",
            ["OTEL_EXPORTER_OTLP_ENDPOINT"] = collector,
        });
        builder.AddServiceDefaults();
        builder.AddRedisClient("cache");
        builder.AddNpgsqlDataSource("db");
        builder.AddNpgsqlDbContext<SomeContext>("db");
        using var host = builder.Build();

        Assert.Equal(traced, host.Services.GetService<TracerProvider>() is not null);
    }

    [Fact]
    public async Task A_Redis_that_is_away_fails_the_check_and_not_the_process()
    {
        var builder = Builder("ConnectionStrings:cache", "127.0.0.1:1,connectTimeout=200");
        builder.AddRedisClient("cache", configureOptions: options => options.BacklogPolicy = BacklogPolicy.FailFast);
        using var host = builder.Build();

        Assert.Equal(HealthStatus.Unhealthy, (await CheckAsync(host))["StackExchange.Redis"].Status);
    }

    [Fact]
    public void Keyed_clients_stand_side_by_side()
    {
        var builder = Builder("ConnectionStrings:one", "127.0.0.1:1", "ConnectionStrings:two", "127.0.0.1:2");
        builder.AddKeyedRedisClient("one");
        builder.AddKeyedRedisClient("two");
        using var host = builder.Build();

        var names = host.Services.GetRequiredService<Microsoft.Extensions.Options.IOptions<HealthCheckServiceOptions>>().Value.Registrations.Select(check => check.Name);

        Assert.Equal(["StackExchange.Redis_one", "StackExchange.Redis_two"], names.Order());
    }

    [Fact]
    public void A_missing_connection_string_is_named_when_the_client_is_asked_for()
    {
        var builder = Builder();
        builder.AddRedisClient("cache");
        using var host = builder.Build();

        var failure = Assert.Throws<InvalidOperationException>(() => host.Services.GetRequiredService<IConnectionMultiplexer>());

        Assert.Contains("ConnectionStrings:cache", failure.Message);
    }

    [Fact]
    public async Task Postgres_is_a_data_source_and_a_context()
    {
        var builder = Builder("ConnectionStrings:db", await postgres.CreateDatabaseAsync());
        builder.AddNpgsqlDataSource("db");
        builder.AddNpgsqlDbContext<SomeContext>("db");
        using var host = builder.Build();
        using var scope = host.Services.CreateScope();

        await using var command = host.Services.GetRequiredService<NpgsqlDataSource>().CreateCommand("SELECT 1");
        var context = scope.ServiceProvider.GetRequiredService<SomeContext>();

        Assert.Equal(1, await command.ExecuteScalarAsync());
        Assert.True(context.Database.CreateExecutionStrategy().RetriesOnFailure);
        var report = await CheckAsync(host);
        Assert.Equal(HealthStatus.Healthy, report["PostgreSql"].Status);
        Assert.Equal(HealthStatus.Healthy, report[nameof(SomeContext)].Status);
    }

    [Fact]
    public void The_more_special_setting_wins()
    {
        var builder = Builder(
            "Aspire:Npgsql:EntityFrameworkCore:PostgreSQL:DisableRetry", "false",
            "Aspire:Npgsql:EntityFrameworkCore:PostgreSQL:SomeContext:DisableRetry", "true",
            "Aspire:Npgsql:EntityFrameworkCore:PostgreSQL:ConnectionString", "Host=wrong",
            "ConnectionStrings:db", "Host=right");
        builder.AddNpgsqlDbContext<SomeContext>("db", settings => Assert.Equal("Host=right", settings.ConnectionString));
        using var host = builder.Build();
        using var scope = host.Services.CreateScope();

        Assert.False(scope.ServiceProvider.GetRequiredService<SomeContext>().Database.CreateExecutionStrategy().RetriesOnFailure);
    }

    [Fact]
    public void A_context_is_registered_once()
    {
        var builder = Builder("ConnectionStrings:db", "Host=x");
        builder.AddNpgsqlDbContext<SomeContext>("db");

        Assert.Throws<InvalidOperationException>(() => builder.AddNpgsqlDbContext<SomeContext>("db"));
    }

    [Fact]
    public async Task Kafka_clients_are_checked_without_producing_anything()
    {
        var builder = Builder("ConnectionStrings:log", await kafka.GetConnectionStringAsync());
        builder.AddKafkaProducer<string, string>("log");
        builder.AddKafkaConsumer<string, string>("log", (KafkaConsumerSettings settings) => settings.Config.GroupId = "registration");
        using var host = builder.Build();
        var topic = $"registration-{Guid.NewGuid():N}";

        var delivered = await host.Services.GetRequiredService<IProducer<string, string>>().ProduceAsync(topic, new Message<string, string> { Key = "k", Value = "v" });

        Assert.Equal(PersistenceStatus.Persisted, delivered.Status);
        var report = await CheckAsync(host);
        Assert.Equal(HealthStatus.Healthy, report["Aspire.Confluent.Kafka.Producer"].Status);
        Assert.Equal(HealthStatus.Healthy, report["Aspire.Confluent.Kafka.Consumer"].Status);
        using var admin = new AdminClientBuilder(new AdminClientConfig { BootstrapServers = await kafka.GetConnectionStringAsync() }).Build();
        Assert.DoesNotContain(admin.GetMetadata(TimeSpan.FromSeconds(30)).Topics, metadata => metadata.Topic == "healthchecks-topic");
    }

    [Fact]
    public void A_consumer_without_a_group_is_refused()
    {
        var builder = Builder("ConnectionStrings:log", "127.0.0.1:1");
        builder.AddKafkaConsumer<string, string>("log");
        using var host = builder.Build();

        Assert.Throws<InvalidOperationException>(() => host.Services.GetRequiredService<IConsumer<string, string>>());
    }

    private static HostApplicationBuilder Builder(params string[] settings)
    {
        var builder = Host.CreateEmptyApplicationBuilder(null);
        foreach (var pair in settings.Chunk(2))
            builder.Configuration[pair[0]] = pair[1];
        builder.Services.AddHealthChecks();
        return builder;
    }

    private static async Task<IReadOnlyDictionary<string, HealthReportEntry>> CheckAsync(IHost host) =>
        (await host.Services.GetRequiredService<HealthCheckService>().CheckHealthAsync()).Entries;

    private sealed class SomeContext(DbContextOptions<SomeContext> options) : DbContext(options);

    private sealed class Ended(ConcurrentQueue<Activity> spans) : BaseProcessor<Activity>
    {
        public override void OnEnd(Activity data) => spans.Enqueue(data);
    }
}
