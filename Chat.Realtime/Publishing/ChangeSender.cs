using Chat.Contracts;
using Chat.Contracts.Api;
using Chat.Data.History;
using Chat.Realtime.Access;
using Chat.Realtime.Auth;
using Chat.Realtime.Fanout;

namespace Chat.Realtime.Publishing;

/// <summary>
/// Edits, deletes and reacts to messages. Each is a durable event of its own, about a message that its room has and that was not deleted;
/// messages themselves never change.
/// </summary>
internal sealed class ChangeSender(EventSender events, RoomAdmission admission, TargetMessages targets, Mentions mentions)
{
    /// <summary>Gives a message new content: its author's right alone. In the two steps of <see cref="EventSender.BeginAsync"/>.</summary>
    public Task<Task<SendReceipt>> BeginEditAsync(
        ConnectedUser user, string roomId, string? targetId, string? content, string? clientId, Task turn, CancellationToken cancellationToken)
    {
        if (!string.IsNullOrEmpty(content)) MessageRules.CheckContent(content);
        return BeginAsync(user, roomId, targetId, clientId, async (_, target) =>
        {
            if (target.SenderId != user.UserId) throw Forbidden("Only its author edits a message.");
            // Attachments alone are a message too.
            if (string.IsNullOrEmpty(content) && target.Attachments is not { Count: > 0 }) throw MessageRules.Bad("content is missing.");
            var mentioned = await mentions.FindAsync(roomId, content ?? "", cancellationToken);
            return new ChatEvent
            {
                EventType = EventTypes.MessageEdited,
                Content = content ?? "",
                ContentType = target.ContentType,
                Mentions = mentioned.ToEnvelope(),
            };
        }, turn, cancellationToken);
    }

    /// <summary>Deletes a message: its author's right, and in rooms that have them that of owners and moderators.</summary>
    public Task<Task<SendReceipt>> BeginDeleteAsync(ConnectedUser user, string roomId, string? targetId, string? clientId, Task turn, CancellationToken cancellationToken) =>
        BeginAsync(user, roomId, targetId, clientId, (standing, target) =>
            target.SenderId == user.UserId || (standing.Kind != RoomKinds.Direct && standing.Role is Roles.Owner or Roles.Moderator)
                ? Task.FromResult(new ChatEvent { EventType = EventTypes.MessageDeleted })
                : throw Forbidden("Only its author, owners and moderators delete a message."), turn, cancellationToken);

    /// <summary>Adds or removes a member's reaction. Doing it twice makes two events and one reaction.</summary>
    public Task<Task<SendReceipt>> BeginReactAsync(
        ConnectedUser user, string roomId, string? targetId, string? content, bool remove, string? clientId, Task turn, CancellationToken cancellationToken)
    {
        MessageRules.CheckReaction(content);
        return BeginAsync(user, roomId, targetId, clientId, (_, _) => Task.FromResult(
            new ChatEvent { EventType = remove ? EventTypes.ReactionRemoved : EventTypes.ReactionAdded, Content = content }), turn, cancellationToken);
    }

    private Task<Task<SendReceipt>> BeginAsync(
        ConnectedUser user, string roomId, string? targetId, string? clientId, Func<RoomStanding, ChatEvent, Task<ChatEvent>> change, Task turn,
        CancellationToken cancellationToken)
    {
        MessageRules.CheckClientId(clientId);
        var id = MessageRules.EventIdOf("target_id", targetId ?? throw MessageRules.Bad("target_id is missing."));
        return events.BeginAsync(user, roomId, clientId, async asked =>
        {
            var standing = await admission.MemberAsync(roomId, user, asked, cancellationToken);
            var target = await targets.FindAsync(roomId, id, cancellationToken)
                ?? throw new ChatException(ErrorCodes.NotFound, "There is no such message in this room, or it was deleted.");
            var draft = await change(standing, target);
            return new PreparedEvent(standing, draft with { TargetId = id.ToString("D") });
        }, turn, cancellationToken);
    }

    private static ChatException Forbidden(string message) => new(ErrorCodes.Forbidden, message);
}
