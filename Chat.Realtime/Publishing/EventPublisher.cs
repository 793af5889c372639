using Chat.Contracts;
using Chat.Contracts.Api;
using Chat.Data.Numbering;
using Chat.Realtime.Log;
using Chat.Realtime.Sequencing;

namespace Chat.Realtime.Publishing;

/// <summary>
/// Log first, then number: an event is produced to Kafka with <c>acks=all</c>, then numbered and published by one script, then acked.
/// Nothing is refused after it is in the log. Events of one room that are handed in one after another are numbered in that order.
/// Nothing is logged for a closed partition (<see cref="OpenPartitions"/>), so that its persister comes to an end.
/// </summary>
public sealed class EventPublisher
{
    // The log's own time-out and a few tries to number. Who waits longer is told that the outcome is unknown; the event goes on.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    private static readonly TimeSpan ClosedPatience = TimeSpan.FromSeconds(3);

    private readonly EventLog _log;
    private readonly RoomSequencers _sequencers;
    private readonly OpenPartitions _open;
    private readonly EpochStore _epochs;
    private readonly TimeProvider _time;

    internal EventPublisher(EventLog log, RoomSequencers sequencers, OpenPartitions open, EpochStore epochs, TimeProvider time) =>
        (_log, _sequencers, _open, _epochs, _time) = (log, sequencers, open, epochs, time);

    /// <summary>The current epoch as this node knows it, for <see cref="OutgoingEvent.UnknownIn"/>.</summary>
    public int Epoch => _epochs.Known;

    /// <summary>
    /// Waits a little for the room's partition when a new epoch has closed it. Throws <see cref="ChatException"/> <c>unavailable</c> when it stays closed:
    /// the event is not in the log. Comes before <see cref="PublishAsync"/> and costs nothing while it is open.
    /// </summary>
    public async ValueTask WhenOpenAsync(string roomId, CancellationToken cancellationToken)
    {
        if (!await _open.WaitAsync(roomId, ClosedPatience, cancellationToken)) throw Closed();
    }

    /// <summary>
    /// Completes when the event has its number. Throws <see cref="ChatException"/> <c>unavailable</c> when the outcome is unknown
    /// or the log cannot be reached: a repeat with the same event id is safe.
    /// </summary>
    public Task<SendReceipt> PublishAsync(OutgoingEvent outgoing, CancellationToken cancellationToken)
    {
        // No await before the event is handed to the log: the order of the calls is the order of the numbers.
        var publication = new Publication(outgoing);
        if (!_open.Has(publication.RoomId)) throw Closed();
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

    /// <summary><see cref="WhenOpenAsync"/>, then <see cref="PublishAsync"/>.</summary>
    public async Task<SendReceipt> PublishWhenOpenAsync(OutgoingEvent outgoing, CancellationToken cancellationToken)
    {
        await WhenOpenAsync(outgoing.Envelope.RoomId!, cancellationToken);
        return await PublishAsync(outgoing, cancellationToken);
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

    private static ChatException Closed() => new(ErrorCodes.Unavailable, "The numbering has begun anew and is not ready yet.", retryAfterMs: 1_000);
}
