using System.Text.Json;
using Chat.Contracts;
using Chat.Contracts.Api;
using Chat.Realtime.Auth;
using Chat.Realtime.Fanout;
using Chat.Realtime.Limits;
using EventId = Chat.Contracts.EventId;

namespace Chat.Realtime.Publishing;

/// <summary>The ack of an event that has no place in history: it was handed to the live channel, and nobody knows who got it.</summary>
internal sealed record LiveReceipt(string RoomId, string? ClientId, string EventId, DateTimeOffset Timestamp);

/// <summary>
/// Data of applications. Durable by default, as a message is; or live only: then it has no number, costs the log and the history nothing, and is not
/// remembered, so that a repeat is a second one.
/// </summary>
internal sealed class DataUpdates(EventSender events, RoomAdmission admission, RateLimiter limiter, LiveChannels channels, TimeProvider time)
{
    /// <summary>In the two steps of <see cref="EventSender.BeginAsync"/>.</summary>
    public Task<Task<SendReceipt>> BeginAsync(ConnectedUser sender, string roomId, SendMessageRequest update, Task turn, CancellationToken cancellationToken)
    {
        update = MessageRules.Check(update);
        return events.BeginAsync(sender, roomId, update.ClientId, async asked => new PreparedEvent(
            await admission.JoinerAsync(roomId, sender, asked, cancellationToken),
            new ChatEvent { EventType = EventTypes.DataUpdate, Content = update.Content, ContentType = update.ContentType }), turn, cancellationToken);
    }

    /// <summary>To the connections that are subscribed to the room now.</summary>
    public async Task<LiveReceipt> SendLiveAsync(ConnectedUser sender, string roomId, SendMessageRequest update, CancellationToken cancellationToken)
    {
        update = MessageRules.Check(update);
        await limiter.SpendMessageAsync(sender.UserId, cancellationToken);
        await admission.JoinerAsync(roomId, sender, cancellationToken);
        var now = time.GetUtcNow();
        var receipt = new LiveReceipt(roomId, update.ClientId, EventId.New(now).ToString("D"), now);
        await channels.PublishToRoomAsync(roomId, JsonSerializer.SerializeToUtf8Bytes(new ChatEvent
        {
            EventType = EventTypes.DataUpdate,
            EventId = receipt.EventId,
            RoomId = roomId,
            SenderId = sender.UserId,
            SenderName = sender.Name,
            Content = update.Content,
            ContentType = update.ContentType,
            Timestamp = now,
            ClientId = update.ClientId,
        }, ChatJson.Wire.ChatEvent));
        return receipt;
    }
}
