using Chat.Contracts.Api;

namespace Chat.Realtime.Publishing;

/// <summary>
/// Log first, then number: an event is produced to Kafka with <c>acks=all</c>, then numbered and published by one script, then acked.
/// Nothing is refused after it is in the log. Events of one room that are handed in one after another are numbered in that order.
/// </summary>
public sealed class EventPublisher
{
    /// <summary>
    /// Completes when the event has its number. Throws <see cref="Chat.Contracts.ChatException"/> <c>unavailable</c> when the outcome is unknown
    /// or the log cannot be reached: a repeat with the same event id is safe.
    /// </summary>
    public Task<SendReceipt> PublishAsync(OutgoingEvent outgoing, CancellationToken cancellationToken) => throw new NotImplementedException();
}
