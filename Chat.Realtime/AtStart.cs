using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace Chat.Realtime;

/// <summary>
/// What a node does once before it is ready. To those who ask for its health it is starting meanwhile, for <see cref="Patience"/> at most: it serves what it can then, and
/// nothing is gained by waiting longer for a part that does not answer.
/// </summary>
internal abstract class AtStart(TimeProvider time, string unfinished) : BackgroundService, IHealthCheck
{
    internal static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    private readonly long _startedAt = time.GetTimestamp();
    private volatile bool _isOver;

    protected TimeProvider Time => time;

    protected bool IsOver => _isOver;

    public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default) =>
        Task.FromResult(_isOver || time.GetElapsedTime(_startedAt) >= Patience ? HealthCheckResult.Healthy() : HealthCheckResult.Unhealthy(unfinished));

    protected void Over() => _isOver = true;
}
