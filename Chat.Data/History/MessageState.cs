using System.Text.Json;
using Chat.Contracts;

namespace Chat.Data.History;

/// <summary>
/// What an event is after all its changes: of several edits the one with the newest number holds, and a deletion holds whatever its number is.
/// </summary>
internal static class MessageState
{
    /// <summary>The event as it is read; its own bytes when nothing changed it.</summary>
    public static NumberedEvent Apply(in NumberedEvent numbered, ChatEvent e, ILookup<string, MessageChange> changes, string? stateFor)
    {
        var now = e switch
        {
            { EventType: EventTypes.ChatMessage, EventId: { } id } => OfMessage(e, changes[id], stateFor),
            { EventType: EventTypes.MessageEdited, TargetId: { } target } when FindDeletion(changes[target]) is not null => WithoutContent(e),
            _ => e,
        };
        return ReferenceEquals(now, e) ? numbered : numbered with { Body = JsonSerializer.SerializeToUtf8Bytes(now, ChatJson.Wire.ChatEvent) };
    }

    private static ChatEvent OfMessage(ChatEvent message, IEnumerable<MessageChange> changes, string? stateFor)
    {
        var all = changes as ICollection<MessageChange> ?? [.. changes];
        if (FindDeletion(all) is { } deletion) message = WithoutContent(message) with { DeletedAt = deletion.Event.Timestamp };
        else if (all.Where(change => change.Event.EventType == EventTypes.MessageEdited).MaxBy(change => change.Seq) is { Event: var edit })
            message = message with { Content = edit.Content, Mentions = edit.Mentions, EditedAt = edit.Timestamp };
        return stateFor is null ? message : message with { Reactions = ReactionsOf(all, stateFor), Replies = RepliesOf(all) };
    }

    private static MessageChange? FindDeletion(IEnumerable<MessageChange> changes) =>
        changes.Where(change => change.Event.EventType == EventTypes.MessageDeleted).MinBy(change => change.Seq);

    private static ChatEvent WithoutContent(ChatEvent e) => e with { Content = null, ContentType = null, Attachments = null, Mentions = null };

    // A set of (user, emoji): the newest event about a pair says whether it is in. Emojis and users in the order in which they came.
    private static Reaction[] ReactionsOf(IEnumerable<MessageChange> changes, string user) =>
        [.. changes
            .Where(change => change.Event is { EventType: EventTypes.ReactionAdded or EventTypes.ReactionRemoved, Content: not null, SenderId: not null })
            .GroupBy(change => (change.Event.SenderId, change.Event.Content), (_, same) => same.MaxBy(change => change.Seq)!)
            .Where(newest => newest.Event.EventType == EventTypes.ReactionAdded)
            .OrderBy(newest => newest.Seq)
            .GroupBy(newest => newest.Event.Content!, newest => newest.Event.SenderId!)
            .Select(same => new Reaction(same.Key, same.Count(), same.Contains(user), [.. same.Take(ProtocolLimits.MaxReactionUsers)]))];

    private static ReplySummary RepliesOf(IEnumerable<MessageChange> changes)
    {
        var newestFirst = changes.Where(change => change.Event.EventType == EventTypes.ChatMessage).OrderByDescending(change => change.Seq).Select(change => change.Event).ToList();
        return new ReplySummary(
            newestFirst.Count, newestFirst.FirstOrDefault()?.Timestamp,
            [.. newestFirst.Select(reply => reply.SenderId).OfType<string>().Distinct().Take(ProtocolLimits.MaxReplyUsers)]);
    }
}
