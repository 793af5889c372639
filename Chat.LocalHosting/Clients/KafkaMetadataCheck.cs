using Confluent.Kafka;
using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace Chat.LocalHosting.Clients;

/// <summary>Healthy when a broker answers a metadata request on the client's own connection. Nothing is ever produced.</summary>
internal sealed class KafkaMetadataCheck(Handle handle) : IHealthCheck
{
    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(2);

    public async Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
    {
        using var admin = new DependentAdminClientBuilder(handle).Build();
        try
        {
            // The call blocks: it must not hold the thread that answers the probe.
            var metadata = await Task.Run(() => admin.GetMetadata(Timeout), cancellationToken);
            return metadata.Brokers.Count > 0
                ? HealthCheckResult.Healthy()
                : new HealthCheckResult(context.Registration.FailureStatus, "no broker");
        }
        catch (KafkaException failure)
        {
            return new HealthCheckResult(context.Registration.FailureStatus, failure.Error.Reason, failure);
        }
    }
}
