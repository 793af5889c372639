using Chat.Contracts;
using Chat.Contracts.Api;
using Chat.Realtime.Access;
using Chat.Realtime.Auth;
using Chat.Realtime.Fanout;
using Chat.Realtime.Reading;
using Chat.Realtime.Transport;

namespace Chat.Realtime.Publishing;

/// <summary>
/// Sends chat messages and direct messages. What follows one, its author's read marker and the notifications of those whom it concerns, follows only
/// when it has its number.
/// </summary>
public sealed class MessageSender
{
    private readonly EventSender _events;
    private readonly RoomAdmission _admission;
    private readonly Memberships _memberships;
    private readonly Mentions _mentions;
    private readonly ReadMarkers _markers;
    private readonly Notices _notices;

    internal MessageSender(EventSender events, RoomAdmission admission, Memberships memberships, Mentions mentions, ReadMarkers markers, Notices notices)
    {
        (_events, _admission, _memberships) = (events, admission, memberships);
        (_mentions, _markers, _notices) = (mentions, markers, notices);
    }

    /// <summary>Sends a chat message into a room; joins a public room by itself. Throws <see cref="ChatException"/> with the code of the refusal.</summary>
    public async Task<SendReceipt> SendAsync(ConnectedUser sender, string roomId, SendMessageRequest message, CancellationToken cancellationToken)
    {
        try
        {
            return await await BeginAsync(sender, roomId, message, Task.CompletedTask, cancellationToken);
        }
        finally
        {
            await EventLoop.LeaveAsync(); // what a request still does may take long
        }
    }

    /// <summary>As <see cref="SendAsync"/>, in the two steps of <see cref="EventSender.BeginAsync"/>.</summary>
    internal Task<Task<SendReceipt>> BeginAsync(ConnectedUser sender, string roomId, SendMessageRequest message, Task turn, CancellationToken cancellationToken) =>
        BeginAsync(sender, roomId, message, asked => _admission.JoinerAsync(roomId, sender, asked, cancellationToken), turn, cancellationToken);

    /// <summary>Sends a direct message; the direct room is made when there is none.</summary>
    internal Task<Task<SendReceipt>> BeginDirectAsync(ConnectedUser sender, string peerId, SendMessageRequest message, Task turn, CancellationToken cancellationToken) =>
        BeginAsync(
            sender, RoomIds.Direct(sender.UserId, peerId), message,
            asked => new ValueTask<RoomStanding>(_memberships.GetOrCreateDirectAsync(sender, peerId, asked, cancellationToken)), turn, cancellationToken);

    private async Task<Task<SendReceipt>> BeginAsync(
        ConnectedUser sender, string roomId, SendMessageRequest message, Func<ValueTask<CopiedStanding?>, ValueTask<RoomStanding>> admit, Task turn, CancellationToken cancellationToken)
    {
        message = MessageRules.Check(message);
        (RoomStanding Standing, MentionedMembers Mentioned)? sent = null;
        var published = await _events.BeginAsync(sender, roomId, message.ClientId, async asked =>
        {
            var standing = await admit(asked);
            var mentioned = await _mentions.FindAsync(roomId, message.Content!, cancellationToken);
            sent = (standing, mentioned);
            return new PreparedEvent(standing, new ChatEvent
            {
                EventType = EventTypes.ChatMessage,
                Content = message.Content,
                ContentType = message.ContentType,
                ReplyTo = message.ReplyTo,
                Mentions = mentioned.ToEnvelope(),
            });
        }, turn, cancellationToken);
        return sent is var (room, members) ? FinishAsync(published, sender, message, room, members) : published;
    }

    private async Task<SendReceipt> FinishAsync(
        Task<SendReceipt> published, ConnectedUser sender, SendMessageRequest message, RoomStanding standing, MentionedMembers mentioned)
    {
        var receipt = await published;
        _markers.MarkOwn(sender.UserId, receipt.RoomId, receipt.Seq);
        _ = _notices.MessageAsync(sender, receipt, message.Content!, standing, mentioned); // never fails; the ack does not wait for it
        return receipt;
    }
}
