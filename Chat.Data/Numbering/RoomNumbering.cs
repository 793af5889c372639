namespace Chat.Data.Numbering;

/// <summary>An event that is in the log and waits for its number.</summary>
/// <param name="OtherIds">Ids of the same client_id on the neighbouring UTC days.</param>
/// <param name="AccessVersion">Access version that the event brings; 0 when it changes nothing.</param>
/// <param name="TimestampMs">Timestamp of the envelope, Unix milliseconds.</param>
/// <param name="Body">The envelope without seq and epoch, UTF-8.</param>
public sealed record PendingEvent(Guid EventId, IReadOnlyList<Guid> OtherIds, long AccessVersion, long TimestampMs, ReadOnlyMemory<byte> Body);

/// <summary>The number of an event.</summary>
/// <param name="EventId">The id that holds the number: of the first send, when this was a repeat.</param>
/// <param name="Known">True when the id had its number already: nothing was appended or published.</param>
public readonly record struct EventNumber(Guid EventId, long Seq, int Epoch, long TimestampMs, bool Known);

/// <summary>
/// Numbers the events of a room with one atomic script: known id → its number, else head + 1, appended to the hot stream, remembered, published.
/// A second call with the same events changes nothing and answers the same.
/// </summary>
public sealed class RoomNumbering
{
    /// <summary>
    /// Numbers <paramref name="events"/> in their order. Throws <see cref="NumberingUnavailableException"/> when Redis or the epoch cannot be
    /// reached; the outcome is then unknown and the same events are to be handed in again first.
    /// </summary>
    public Task<IReadOnlyList<EventNumber>> NumberAsync(string roomId, int createdEpoch, IReadOnlyList<PendingEvent> events, CancellationToken cancellationToken) => throw new NotImplementedException();

    /// <summary>The numbers of ids that are known here; null for each that is not. One round trip.</summary>
    public Task<IReadOnlyList<EventNumber?>> LookUpAsync(string roomId, IReadOnlyList<Guid> eventIds, CancellationToken cancellationToken) => throw new NotImplementedException();
}

/// <summary>Numbering cannot be done now; whether it was done is unknown.</summary>
public sealed class NumberingUnavailableException(string message, Exception? inner = null) : Exception(message, inner);
