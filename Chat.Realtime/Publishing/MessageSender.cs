using Chat.Contracts;
using Chat.Contracts.Api;
using Chat.Data.Numbering;
using Chat.Realtime.Access;
using Chat.Realtime.Auth;
using Chat.Realtime.Fanout;
using Chat.Realtime.Limits;
using Chat.Realtime.Reading;
using EventId = Chat.Contracts.EventId;

namespace Chat.Realtime.Publishing;

/// <summary>
/// The one way by which a user's message comes in, whatever the transport: validation, preflight (known id, limits, access), then <see cref="EventPublisher"/>.
/// </summary>
public sealed class MessageSender
{
    private readonly KnownEvents _known;
    private readonly RateLimiter _limiter;
    private readonly RoomAdmission _admission;
    private readonly Memberships _memberships;
    private readonly StorageHeadroom _headroom;
    private readonly Mentions _mentions;
    private readonly EventPublisher _publisher;
    private readonly ReadMarkers _markers;
    private readonly NodeMetrics _metrics;
    private readonly TimeProvider _time;

    internal MessageSender(
        KnownEvents known, RateLimiter limiter, RoomAdmission admission, Memberships memberships, StorageHeadroom headroom, Mentions mentions,
        EventPublisher publisher, ReadMarkers markers, NodeMetrics metrics, TimeProvider time)
    {
        (_known, _limiter, _admission, _memberships, _headroom) = (known, limiter, admission, memberships, headroom);
        (_mentions, _publisher, _markers, _metrics, _time) = (mentions, publisher, markers, metrics, time);
    }

    /// <summary>Sends a chat message into a room; joins a public room by itself. Throws <see cref="ChatException"/> with the code of the refusal.</summary>
    public async Task<SendReceipt> SendAsync(ConnectedUser sender, string roomId, SendMessageRequest message, CancellationToken cancellationToken) =>
        await await BeginAsync(sender, roomId, message, cancellationToken);

    /// <summary>
    /// As <see cref="SendAsync"/>, in two steps: the outer task completes when the message has its place in the room's order, so that the sender's next one
    /// may begin; the inner one with the receipt.
    /// </summary>
    internal Task<Task<SendReceipt>> BeginAsync(ConnectedUser sender, string roomId, SendMessageRequest message, CancellationToken cancellationToken) =>
        BeginAsync(sender, roomId, message, () => _admission.JoinerAsync(roomId, sender, cancellationToken), cancellationToken);

    /// <summary>Sends a direct message; the direct room is made when there is none.</summary>
    internal Task<Task<SendReceipt>> BeginDirectAsync(ConnectedUser sender, string peerId, SendMessageRequest message, CancellationToken cancellationToken) =>
        BeginAsync(
            sender, RoomIds.Direct(sender.UserId, peerId), message, () => new ValueTask<RoomStanding>(_memberships.GetOrCreateDirectAsync(sender, peerId, cancellationToken)),
            cancellationToken);

    private async Task<Task<SendReceipt>> BeginAsync(
        ConnectedUser sender, string roomId, SendMessageRequest message, Func<ValueTask<RoomStanding>> admit, CancellationToken cancellationToken)
    {
        var started = _time.GetTimestamp();
        if (!RoomIds.IsValid(roomId)) throw new ChatException(ErrorCodes.BadRequest, "room_id is not a room id.");
        message = MessageRules.Check(message);
        var now = _time.GetUtcNow();

        var epoch = _publisher.Epoch;
        Guid id;
        IReadOnlyList<Guid> others = [];
        if (message.ClientId is { } clientId)
        {
            (id, others) = KnownEvents.IdsOf(sender.UserId, roomId, clientId, now);
            try
            {
                if (await _known.FindAsync(roomId, clientId, id, others, cancellationToken) is { } first)
                    return Task.FromResult(Publication.ToReceipt(roomId, clientId, first));
            }
            catch (NumberingUnavailableException)
            {
                throw Unavailable();
            }
        }
        else id = EventId.New(now);

        if (await _limiter.TakeMessageAsync(sender.UserId, cancellationToken) is { } wait)
            throw new ChatException(ErrorCodes.RateLimited, "Too many messages.", wait);
        var standing = await admit();
        if (!await _headroom.HasRoomAsync()) throw Unavailable();
        var mentions = await _mentions.FindAsync(roomId, message.Content!, cancellationToken);

        var envelope = new ChatEvent
        {
            EventType = EventTypes.ChatMessage,
            EventId = id.ToString("D"),
            RoomId = roomId,
            SenderId = sender.UserId,
            SenderName = sender.Name,
            Content = message.Content,
            ContentType = message.ContentType,
            Timestamp = DateTimeOffset.FromUnixTimeMilliseconds(now.ToUnixTimeMilliseconds()),
            ClientId = message.ClientId,
            ReplyTo = message.ReplyTo,
            Mentions = mentions,
        };
        var outgoing = new OutgoingEvent(envelope, others, AccessVersion: 0, standing.CreatedEpoch, standing.Participants) { UnknownIn = epoch };
        await _publisher.WhenOpenAsync(roomId, cancellationToken);
        return FinishAsync(_publisher.PublishAsync(outgoing, cancellationToken), sender, started);
    }

    private async Task<SendReceipt> FinishAsync(Task<SendReceipt> published, ConnectedUser sender, long started)
    {
        var receipt = await published;
        _metrics.Accepted(_time.GetElapsedTime(started));
        _markers.MarkOwn(sender.UserId, receipt.RoomId, receipt.Seq);
        return receipt;
    }

    private static ChatException Unavailable() => new(ErrorCodes.Unavailable, "Messages cannot be taken now.", retryAfterMs: 1_000);
}
