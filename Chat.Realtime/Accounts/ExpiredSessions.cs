using Chat.Contracts;
using Chat.Data.Model;
using Microsoft.EntityFrameworkCore;

namespace Chat.Realtime.Accounts;

/// <summary>Removes sessions that are over, with their refresh tokens, a bounded batch at a time. Any number of processes may do so.</summary>
public sealed partial class ExpiredSessions(UnitOfWork work, TimeProvider time, ILogger<ExpiredSessions> logger) : BackgroundService
{
    private const int BatchSize = 500;
    private static readonly TimeSpan Interval = TimeSpan.FromHours(1);
    /// <summary>A session that ended is kept so long, for whoever looks into a theft.</summary>
    private static readonly TimeSpan Kept = TimeSpan.FromDays(1);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            await Task.Delay(Interval * (0.5 + Random.Shared.NextDouble()), time, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (stoppingToken.IsCancellationRequested) return;
            try
            {
                while (await RemoveAsync(stoppingToken) == BatchSize) { } // a full batch: there is more
            }
            catch (Exception e) // whatever it is, the next round tries again: housekeeping must not end the node
            {
                Log.Postponed(logger, e.Message);
            }
        }
    }

    internal Task<int> RemoveAsync(CancellationToken cancellationToken)
    {
        var limit = time.GetUtcNow() - Kept;
        return work.RunAsync((db, token) => db.Database.ExecuteSqlAsync(
            $"""
            delete from sessions where session_id in (
                select session_id from sessions where expires_at < {limit} or revoked_at < {limit} limit {BatchSize} for update skip locked)
            """, token), cancellationToken);
    }

    private static partial class Log
    {
        [LoggerMessage(3111, LogLevel.Debug, "Removing expired sessions is postponed: {Reason}")]
        public static partial void Postponed(ILogger logger, string reason);
    }
}
