using System.Text.Json;
using Chat.Contracts;

namespace Chat.Data.History;

/// <summary>
/// What an event says about another one: an edit, a deletion, a reaction, or a message that answers it. <see cref="TargetId"/> is the event that it is about.
/// </summary>
public sealed record MessageChange(long Seq, string TargetId, ChatEvent Event)
{
    /// <summary>The change that an event makes; null for one that is about no other, or cannot be read.</summary>
    public static MessageChange? Read(in NumberedEvent numbered) => TryRead(numbered.Body.Span) is { } read ? Of(numbered.Seq, read) : null;

    /// <summary>As <see cref="Read"/>, of an event that was read already.</summary>
    public static MessageChange? Of(long seq, ChatEvent e) => e.EventType switch
    {
        EventTypes.MessageEdited or EventTypes.MessageDeleted or EventTypes.ReactionAdded or EventTypes.ReactionRemoved when e.TargetId is { } target =>
            new MessageChange(seq, target, e),
        EventTypes.ChatMessage when e.ReplyTo is { } root => new MessageChange(seq, root, e),
        _ => null,
    };

    /// <summary>The envelope; null for bytes that are none, which are delivered as they are.</summary>
    public static ChatEvent? TryRead(ReadOnlySpan<byte> body)
    {
        try
        {
            return JsonSerializer.Deserialize(body, ChatJson.Wire.ChatEvent);
        }
        catch (JsonException)
        {
            return null;
        }
    }
}
