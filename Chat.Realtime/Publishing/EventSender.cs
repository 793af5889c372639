using Chat.Contracts;
using Chat.Contracts.Api;
using Chat.Data.Numbering;
using Chat.Realtime.Access;
using Chat.Realtime.Auth;
using Chat.Realtime.Limits;
using EventId = Chat.Contracts.EventId;

namespace Chat.Realtime.Publishing;

/// <summary>What a command makes of itself once it may: the room it goes into, and the event without what every event gets.</summary>
internal readonly record struct PreparedEvent(RoomStanding Standing, ChatEvent Draft);

/// <summary>
/// The one way by which a user's durable event comes in, whatever the command and the transport: known id, limits, what the command itself checks, room to
/// store, and only then <see cref="EventPublisher"/>. A repeat gets the first ack before anything else is looked at, and nothing is refused afterwards.
/// </summary>
internal sealed class EventSender(
    KnownEvents known, RoomAccess access, RateLimiter limiter, StorageHeadroom headroom, EventPublisher publisher, NodeMetrics metrics, TimeProvider time)
{
    private static readonly TimeSpan AnswerLife = TimeSpan.FromSeconds(1);

    /// <summary>
    /// The outer task completes when the event has its place in the room's order, so that the sender's next one may have its turn; the inner one with the receipt.
    /// Throws <see cref="ChatException"/>. What Redis is asked does not wait for <paramref name="turn"/>, the end of the sender's earlier ones, so that many ask in one round trip;
    /// everything else does, and nothing of it is done when that fails. <paramref name="prepareAsync"/> is not called for a repeat; it gets what the copy of the room's access says of the sender.
    /// </summary>
    public async Task<Task<SendReceipt>> BeginAsync(
        ConnectedUser sender, string roomId, string? clientId, Func<ValueTask<CopiedStanding?>, Task<PreparedEvent>> prepareAsync, Task turn,
        CancellationToken cancellationToken)
    {
        var started = time.GetTimestamp();
        if (!RoomIds.IsValid(roomId)) throw new ChatException(ErrorCodes.BadRequest, "room_id is not a room id.");
        var now = time.GetUtcNow();

        var epoch = publisher.Epoch;
        // Asked together with the ids: one round trip less.
        var asked = access.AskCopyAsync(roomId, sender.UserId);
        Guid id;
        IReadOnlyList<Guid> others = [];
        if (clientId is not null)
        {
            (id, others) = KnownEvents.IdsOf(sender.UserId, roomId, clientId, now);
            if (await FindFirstAsync(roomId, clientId, id, others, cancellationToken) is { } first) return Task.FromResult(first);
        }
        else id = EventId.New(now);

        await limiter.SpendMessageAsync(sender.UserId, cancellationToken);
        if (!turn.IsCompleted)
        {
            var answered = time.GetTimestamp();
            await turn;
            // Who sends it may have been removed from the room meanwhile; and what was not in the copy may have been brought by an earlier one.
            var copied = await asked;
            asked = access.IsConfirmed(copied) && time.GetElapsedTime(answered) <= AnswerLife ? new(copied) : access.AskCopyAsync(roomId, sender.UserId);
        }
        PreparedEvent prepared;
        try
        {
            prepared = await prepareAsync(asked);
        }
        catch (ChatException refusal) when (clientId is not null && refusal.Code != ErrorCodes.Unavailable)
        {
            // An earlier try that was under way until now may have been accepted meanwhile, and may itself be the reason: a deletion is refused once its message is deleted.
            if (await FindFirstAsync(roomId, clientId, id, others, cancellationToken) is { } first) return Task.FromResult(first);
            throw;
        }
        var (standing, draft) = prepared;
        if (!await headroom.HasRoomAsync(roomId)) throw Unavailable();

        var envelope = draft with
        {
            EventId = id.ToString("D"),
            RoomId = roomId,
            SenderId = sender.UserId,
            SenderName = sender.Name,
            Timestamp = DateTimeOffset.FromUnixTimeMilliseconds(now.ToUnixTimeMilliseconds()),
            ClientId = clientId,
        };
        var outgoing = new OutgoingEvent(envelope, others, AccessVersion: 0, standing.CreatedEpoch, standing.Participants) { UnknownIn = epoch };
        await publisher.WhenOpenAsync(roomId, cancellationToken);
        return FinishAsync(publisher.PublishAsync(outgoing, cancellationToken), started);
    }

    /// <summary>The first ack of a repeat; null for what was not sent before.</summary>
    private async Task<SendReceipt?> FindFirstAsync(string roomId, string clientId, Guid id, IReadOnlyList<Guid> others, CancellationToken cancellationToken)
    {
        try
        {
            return await known.FindAsync(roomId, clientId, id, others, cancellationToken) is { } first ? Publication.ToReceipt(roomId, clientId, first) : null;
        }
        catch (NumberingUnavailableException)
        {
            throw Unavailable();
        }
    }

    private async Task<SendReceipt> FinishAsync(Task<SendReceipt> published, long started)
    {
        var receipt = await published;
        metrics.Accepted(time.GetElapsedTime(started));
        return receipt;
    }

    private static ChatException Unavailable() => new(ErrorCodes.Unavailable, "Messages cannot be taken now.", retryAfterMs: 1_000);
}
