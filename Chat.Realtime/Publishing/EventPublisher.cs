using Chat.Contracts;
using Chat.Contracts.Api;
using Chat.Realtime.Log;
using Chat.Realtime.Sequencing;

namespace Chat.Realtime.Publishing;

/// <summary>
/// Log first, then number: an event is produced to Kafka with <c>acks=all</c>, then numbered and published by one script, then acked.
/// Nothing is refused after it is in the log. Events of one room that are handed in one after another are numbered in that order.
/// </summary>
public sealed class EventPublisher
{
    // The log's own time-out and a few tries to number. Who waits longer is told that the outcome is unknown; the event goes on.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    private readonly EventLog _log;
    private readonly RoomSequencers _sequencers;
    private readonly TimeProvider _time;

    internal EventPublisher(EventLog log, RoomSequencers sequencers, TimeProvider time) => (_log, _sequencers, _time) = (log, sequencers, time);

    /// <summary>
    /// Completes when the event has its number. Throws <see cref="ChatException"/> <c>unavailable</c> when the outcome is unknown
    /// or the log cannot be reached: a repeat with the same event id is safe.
    /// </summary>
    public Task<SendReceipt> PublishAsync(OutgoingEvent outgoing, CancellationToken cancellationToken)
    {
        // No await before the event is handed to the log: the order of the calls is the order of the numbers.
        var publication = new Publication(outgoing);
        var sequencer = _sequencers.Reserve(publication.RoomId);
        try
        {
            _log.Append(publication, logged =>
            {
                if (logged) sequencer.Enqueue(publication);
                else
                {
                    publication.Unknown("The log did not confirm the event in time; send it again with the same client_id.");
                    _sequencers.Release(sequencer, 1);
                }
            });
        }
        catch
        {
            _sequencers.Release(sequencer, 1);
            throw;
        }
        return WaitAsync(publication, cancellationToken);
    }

    private async Task<SendReceipt> WaitAsync(Publication publication, CancellationToken cancellationToken)
    {
        try
        {
            return await publication.Receipt.WaitAsync(Patience, _time, cancellationToken);
        }
        catch (TimeoutException)
        {
            throw new ChatException(ErrorCodes.Unavailable, "The event is not numbered yet; send it again with the same client_id.", retryAfterMs: 1_000);
        }
    }
}
