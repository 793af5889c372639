using System.Threading.Channels;
using Chat.Contracts;
using Chat.Contracts.Api;
using Chat.Data.Model;
using Chat.Data.Numbering;
using Chat.Realtime.Publishing;

namespace Chat.Realtime.Outbox;

/// <summary>Hands an event to the log and completes when it has its number: <see cref="EventPublisher.PublishWhenOpenAsync"/>.</summary>
public delegate Task<SendReceipt> PublishEvent(OutgoingEvent outgoing, CancellationToken cancellationToken);

/// <summary>
/// Sends outbox entries of this process right after their commit. It never fails its caller: what could not be sent is still in the table,
/// and the <see cref="OutboxSweeper"/> of some process sends it. Sent entries are marked in batches; a lost mark costs a repeat, which is no second event.
/// </summary>
public sealed partial class OutboxSender(PublishEvent publish, UnitOfWork work, EpochStore epochs, ILogger<OutboxSender> logger) : BackgroundService
{
    private const int MaxInFlight = 1_000;
    private const int MaxUnmarked = 10_000;
    private const int MarkBatch = 500;
    /// <summary>How long an answer waits for its event at most. The event itself goes on.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);

    private readonly Channel<Guid> _sent = Channel.CreateBounded<Guid>(new BoundedChannelOptions(MaxUnmarked) { FullMode = BoundedChannelFullMode.DropWrite });
    private int _inFlight;

    /// <summary>Sends a committed entry; returns when it is sent, has failed, or took too long to wait for.</summary>
    public async Task SendAsync(OutgoingEvent outgoing)
    {
        if (Interlocked.Increment(ref _inFlight) > MaxInFlight)
        {
            Interlocked.Decrement(ref _inFlight);
            Log.LeftToSweeper(logger, outgoing.Envelope.EventId, "too many are on their way");
            return;
        }
        await Task.WhenAny(PublishAsync(outgoing), Task.Delay(Patience));
    }

    /// <summary>The entry has its number.</summary>
    public void Sent(OutgoingEvent outgoing) => _sent.Writer.TryWrite(Guid.Parse(outgoing.Envelope.EventId!));

    // Never faults, so nobody has to observe it.
    private async Task PublishAsync(OutgoingEvent outgoing)
    {
        try
        {
            // Committed a moment ago and claimed by this process: nobody can have sent it in an earlier epoch.
            await publish(outgoing with { UnknownIn = epochs.Known }, CancellationToken.None);
            Sent(outgoing);
        }
        catch (ChatException e)
        {
            Log.LeftToSweeper(logger, outgoing.Envelope.EventId, e.Message);
        }
        catch (Exception e)
        {
            Log.SendFailed(logger, outgoing.Envelope.EventId, e);
        }
        finally
        {
            Interlocked.Decrement(ref _inFlight);
        }
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        try
        {
            while (await _sent.Reader.WaitToReadAsync(stoppingToken))
            {
                var batch = new List<Guid>(MarkBatch);
                while (batch.Count < MarkBatch && _sent.Reader.TryRead(out var eventId)) batch.Add(eventId);
                await MarkAsync(batch);
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            Log.Stopped(logger, _sent.Reader.Count);
        }
    }

    private async Task MarkAsync(List<Guid> batch)
    {
        try
        {
            await work.RunAsync(async (db, token) => { await OutboxTable.MarkSentAsync(db, [.. batch], token); return true; }, CancellationToken.None);
        }
        catch (Exception e) // whatever it is: the sweeper finds them unmarked and sends them again, which changes nothing
        {
            Log.NotMarked(logger, batch.Count, e.Message);
        }
    }

    private static partial class Log
    {
        [LoggerMessage(3401, LogLevel.Warning, "Outbox event {EventId} is left to the sweeper: {Reason}")]
        public static partial void LeftToSweeper(ILogger logger, string? eventId, string reason);

        [LoggerMessage(3402, LogLevel.Error, "Outbox event {EventId} could not be sent; the sweeper tries again")]
        public static partial void SendFailed(ILogger logger, string? eventId, Exception exception);

        [LoggerMessage(3403, LogLevel.Warning, "{Count} sent outbox events could not be marked and will be repeated: {Reason}")]
        public static partial void NotMarked(ILogger logger, int count, string reason);

        [LoggerMessage(3404, LogLevel.Debug, "Outbox sender stopped with {Count} events unmarked")]
        public static partial void Stopped(ILogger logger, int count);
    }
}
