using Chat.Data.Model;
using Chat.ServiceDefaults.Kafka;

namespace Chat.Persister;

/// <summary>
/// Starts the pipeline when the topics stand, and the schema if Postgres answers. Where it is away the schema was made by an earlier start, or there is nothing
/// to write yet: numbering begins, and writing waits.
/// </summary>
internal sealed class PersisterService(
    string bootstrapServers, MigrationRunner migrations, PersistPipeline pipeline, TimeProvider time, ILogger<PersisterService> logger) : BackgroundService
{
    // A Postgres that starts together with this process is waited for; records without a number wait as long.
    private static readonly TimeSpan SchemaPatience = TimeSpan.FromSeconds(5);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(stoppingToken);
        var schema = migrations.RunAsync(stop.Token);
        await LogTopicSetup.EnsureAsync(bootstrapServers, logger, stop.Token);
        await Task.WhenAny(schema, Task.Delay(SchemaPatience, time, stop.Token));
        if (schema.IsCompleted)
            await schema;
        var running = pipeline.RunAsync(stop.Token);
        // A schema that cannot be made ends the process, as an end of the pipeline does.
        if (await Task.WhenAny(schema, running) == running || schema.IsFaulted)
            await stop.CancelAsync();
        await Task.WhenAll(schema, running);
    }
}
