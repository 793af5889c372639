using Confluent.Kafka;
using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace Chat.Persister;

/// <summary>Degraded while no broker answers a question about the cluster. Nothing is produced.</summary>
internal sealed partial class LogHealth(IConfiguration configuration, ILogger<LogHealth> logger) : IHealthCheck, IDisposable
{
    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(2);

    private readonly Lazy<IAdminClient> _admin = new(() => new AdminClientBuilder(new AdminClientConfig { BootstrapServers = configuration.GetConnectionString("kafka") })
        .SetErrorHandler((_, error) => Log.ClientError(logger, error.Reason))
        .SetLogHandler((_, message) => Log.ClientError(logger, message.Message))
        .Build());

    public async Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
    {
        try
        {
            // The call blocks: it must not hold the thread that answers the probe.
            var metadata = await Task.Run(() => _admin.Value.GetMetadata(Timeout), cancellationToken);
            return metadata.Brokers.Count > 0 ? HealthCheckResult.Healthy() : HealthCheckResult.Degraded("no broker");
        }
        catch (KafkaException failure)
        {
            return HealthCheckResult.Degraded(failure.Error.Reason);
        }
    }

    public void Dispose()
    {
        if (_admin.IsValueCreated)
            _admin.Value.Dispose();
    }

    private static partial class Log
    {
        [LoggerMessage(4701, LogLevel.Debug, "Kafka client: {Message}")]
        public static partial void ClientError(ILogger logger, string message);
    }
}
