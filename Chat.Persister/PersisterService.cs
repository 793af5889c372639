using Chat.Data.Model;
using Chat.ServiceDefaults.Kafka;

namespace Chat.Persister;

/// <summary>Starts the pipeline when the schema and the topics stand.</summary>
internal sealed class PersisterService(string bootstrapServers, MigrationRunner migrations, PersistPipeline pipeline, ILogger<PersisterService> logger) : BackgroundService
{
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await Task.WhenAll(migrations.RunAsync(stoppingToken), LogTopicSetup.EnsureAsync(bootstrapServers, logger, stoppingToken));
        await pipeline.RunAsync(stoppingToken);
    }
}
