using Chat.Data;
using Chat.Data.Model;
using Chat.Data.Writing;
using Confluent.Kafka;
using Microsoft.Extensions.Options;

namespace Chat.Persister;

/// <summary>Registers the stages.</summary>
internal static class PersisterServices
{
    private const string Group = "chat-persister";
    // A persister that was killed holds its partitions for so long: history in Postgres is behind meanwhile, and should Redis lose data in that time, sends
    // wait for it. Brokers take no less unless they are told to (group.min.session.timeout.ms).
    private const int SessionTimeoutMs = 6_000;
    // A third, so that two that are late on a busy machine cost nothing.
    private const int HeartbeatMs = SessionTimeoutMs / 3;

    public static IHostApplicationBuilder AddPersister(this IHostApplicationBuilder builder)
    {
        var kafka = builder.Configuration.GetConnectionString("kafka")
            ?? throw new InvalidOperationException("ConnectionStrings:kafka is missing: set it to the bootstrap servers of the log, host:port.");
        var services = builder.Services;
        services.AddSingleton<IValidateOptions<PersisterOptions>, PersisterOptionsValidation>();
        services.AddOptions<PersisterOptions>().BindConfiguration(PersisterOptions.Section).ValidateOnStart();
        services.AddSingleton(provider => provider.GetRequiredService<IOptions<PersisterOptions>>().Value);
        services.AddSingleton(TimeProvider.System);
        services.AddRoomStore();
        services.AddSingleton<MigrationRunner>();
        services.AddSingleton<EventWriter>();
        services.AddSingleton<PersisterMetrics>();
        services.AddSingleton(provider => ActivatorUtilities.CreateInstance<DeadLetters>(provider, kafka));
        services.AddSingleton<PartitionStarts>();
        services.AddSingleton<OffsetCommits>();
        services.AddSingleton(provider => ActivatorUtilities.CreateInstance<LogConsumer>(provider, ToConsumerConfig(kafka)));
        services.AddSingleton<EpochWatch>();
        services.AddSingleton<CatchUp>();
        services.AddSingleton<NumberLookup>();
        services.AddSingleton<NumberingStage>();
        services.AddSingleton<RoomCopier>();
        services.AddSingleton<PostgresWriter>();
        services.AddSingleton<PersistedMarks>();
        services.AddSingleton<PersistPipeline>();
        services.AddSingleton<LogHealth>();
        services.AddHealthChecks().AddCheck<LogHealth>("kafka");
        services.AddHostedService(provider => ActivatorUtilities.CreateInstance<PersisterService>(provider, kafka));
        return builder;
    }

    private static ConsumerConfig ToConsumerConfig(string bootstrapServers) => new()
    {
        BootstrapServers = bootstrapServers,
        GroupId = Group,
        // Offsets follow Postgres, so the client must not move them by itself.
        EnableAutoCommit = false,
        EnableAutoOffsetStore = false,
        AutoOffsetReset = AutoOffsetReset.Earliest,
        SessionTimeoutMs = SessionTimeoutMs,
        HeartbeatIntervalMs = HeartbeatMs,
        // The whole log of an outage may wait: what is fetched ahead is bounded in bytes.
        QueuedMaxMessagesKbytes = 16 * 1024,
        FetchWaitMaxMs = 100,
        // Not woken by each record: a batch waits for others anyway, and every answer costs this process and the broker about as much as ten records.
        FetchMinBytes = 64 * 1024,
    };
}
