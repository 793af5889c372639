using System.Collections.Concurrent;
using System.Runtime.ExceptionServices;
using Chat.Contracts;
using Chat.Data.Model;
using Chat.Realtime.Publishing;

namespace Chat.Realtime.Outbox;

/// <summary>
/// Sends outbox entries whose process died, or failed, between commit and log: in order of their age, a bounded batch at a time, each claimed by one
/// process. After a failure it pauses, longer each time up to <see cref="LongestPause"/>.
/// </summary>
public sealed partial class OutboxSweeper(
    PublishEvent publish, OutboxSender sender, UnitOfWork work, TimeProvider time, ILogger<OutboxSweeper> logger) : BackgroundService
{
    private const int BatchSize = 100;
    private const int RoomsAtOnce = 8;
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan PurgeInterval = TimeSpan.FromMinutes(10);
    private static readonly TimeSpan SendTimeout = TimeSpan.FromSeconds(10);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        var pause = Interval;
        var nextPurge = time.GetUtcNow() + PurgeInterval;
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                while (await SweepAsync(stoppingToken) == BatchSize) { } // a full batch: there is more
                if (time.GetUtcNow() >= nextPurge)
                {
                    await work.RunAsync((db, token) => OutboxTable.PurgeAsync(db, 10 * BatchSize, token), stoppingToken);
                    nextPurge = time.GetUtcNow() + PurgeInterval;
                }
                pause = Interval;
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                return;
            }
            catch (Exception e)
            {
                pause = pause * 2 < LongestPause ? pause * 2 : LongestPause;
                if (e is ChatException) Log.Waiting(logger, e.Message);
                else Log.Failed(logger, e);
            }
            await Task.Delay(pause * (0.75 + Random.Shared.NextDouble() / 2), time, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    /// <summary>
    /// Sends one batch and returns its size: each room's entries in their order, several rooms at once. A room whose partition is closed holds up itself alone:
    /// what is refused is given back, but not for the next batch, which others may wait for. Throws when nothing could be sent.
    /// </summary>
    internal async Task<int> SweepAsync(CancellationToken cancellationToken)
    {
        var claimed = await work.RunAsync((db, token) => OutboxTable.ClaimAsync(db, BatchSize, token), cancellationToken);
        if (claimed.Count == 0) return 0;
        var left = new ConcurrentDictionary<OutgoingEvent, bool>(claimed.Select(outgoing => KeyValuePair.Create(outgoing, true)), ReferenceEqualityComparer.Instance);
        Exception? refusal = null;
        try
        {
            await Parallel.ForEachAsync(
                claimed.GroupBy(outgoing => outgoing.Envelope.RoomId),
                new ParallelOptions { MaxDegreeOfParallelism = RoomsAtOnce, CancellationToken = cancellationToken },
                async (room, token) =>
                {
                    try
                    {
                        foreach (var outgoing in room)
                        {
                            await SendAsync(outgoing, token);
                            left.TryRemove(outgoing, out _);
                        }
                    }
                    catch (Exception e) when (e is ChatException or TimeoutException)
                    {
                        Volatile.Write(ref refusal, e);
                    }
                });
        }
        finally
        {
            if (left.Count < claimed.Count) Log.Swept(logger, claimed.Count - left.Count);
            if (!left.IsEmpty) await ReleaseAsync(left.Keys);
        }
        if (refusal is not null && left.Count == claimed.Count) ExceptionDispatchInfo.Throw(refusal);
        if (refusal is not null) Log.Waiting(logger, refusal.Message);
        return claimed.Count;
    }

    private async Task SendAsync(OutgoingEvent outgoing, CancellationToken cancellationToken)
    {
        try
        {
            await publish(outgoing, cancellationToken).WaitAsync(SendTimeout, time, cancellationToken);
            sender.Sent(outgoing);
        }
        catch (Exception e) when (e is not (ChatException or TimeoutException or OperationCanceledException))
        {
            // For a reason of its own: it stays claimed for a while and holds up no other.
            Log.EntryFailed(logger, outgoing.Envelope.EventId, e);
        }
    }

    private async Task ReleaseAsync(IEnumerable<OutgoingEvent> unsent)
    {
        Guid[] eventIds = [.. unsent.Select(o => Guid.Parse(o.Envelope.EventId!))];
        try
        {
            await work.RunAsync(async (db, token) => { await OutboxTable.ReleaseAsync(db, eventIds, token); return true; }, CancellationToken.None);
        }
        catch (ChatException e)
        {
            // Their claim ends by itself.
            Log.Waiting(logger, e.Message);
        }
    }

    private static partial class Log
    {
        [LoggerMessage(3411, LogLevel.Information, "Took up {Count} outbox events that their own process had not sent")]
        public static partial void Swept(ILogger logger, int count);

        [LoggerMessage(3412, LogLevel.Warning, "The outbox waits: {Reason}")]
        public static partial void Waiting(ILogger logger, string reason);

        [LoggerMessage(3414, LogLevel.Error, "Outbox event {EventId} could not be sent and is tried again later")]
        public static partial void EntryFailed(ILogger logger, string? eventId, Exception exception);

        [LoggerMessage(3413, LogLevel.Error, "Sweeping the outbox failed")]
        public static partial void Failed(ILogger logger, Exception exception);
    }
}
