using System.Text;
using Chat.Contracts;
using Chat.Contracts.Api;

namespace Chat.Realtime.Publishing;

/// <summary>What a message must look like, whatever the transport. Each refusal has its code.</summary>
internal static class MessageRules
{
    private const string PlainText = "text/plain";

    /// <summary>The message in the form in which it is published. Throws <see cref="ChatException"/>.</summary>
    public static SendMessageRequest Check(SendMessageRequest message)
    {
        if (message.Attachments is { Count: > 0 }) throw new ChatException(ErrorCodes.NotFound, "An attachment is not one of your media.");
        CheckContent(message.Content);
        CheckClientId(message.ClientId);
        return message with
        {
            ContentType = message.ContentType switch
            {
                null or PlainText => null,
                "text/markdown" or "application/json" => message.ContentType,
                _ => throw Bad("content_type is text/plain, text/markdown or application/json."),
            },
            ReplyTo = message.ReplyTo is { } root ? EventIdOf("reply_to", root).ToString("D") : null,
        };
    }

    /// <summary>Text that is not empty, not too long, and can be stored.</summary>
    public static void CheckContent(string? content)
    {
        if (string.IsNullOrEmpty(content)) throw Bad("content is missing.");
        if (Encoding.UTF8.GetByteCount(content) > ProtocolLimits.MaxContentBytes)
            throw new ChatException(ErrorCodes.TooLarge, $"content is at most {ProtocolLimits.MaxContentBytes} bytes of UTF-8.");
        if (!IsText(content)) throw Bad("content holds U+0000 or an unpaired surrogate.");
    }

    /// <summary>An emoji, or a name that an application shows as one.</summary>
    public static void CheckReaction(string? content)
    {
        if (string.IsNullOrWhiteSpace(content)) throw Bad("content is missing: the emoji.");
        if (Encoding.UTF8.GetByteCount(content) > ProtocolLimits.MaxReactionBytes || !IsText(content) || content.Any(char.IsControl))
            throw Bad($"content is one emoji, at most {ProtocolLimits.MaxReactionBytes} bytes of UTF-8.");
    }

    public static void CheckClientId(string? clientId)
    {
        if (clientId is not null && (clientId.Length is 0 or > ProtocolLimits.MaxClientIdLength || !IsText(clientId)))
            throw Bad($"client_id is 1 to {ProtocolLimits.MaxClientIdLength} characters.");
    }

    /// <summary>The id of an event as a client names it in <paramref name="field"/>.</summary>
    public static Guid EventIdOf(string field, string value) => Guid.TryParseExact(value, "D", out var id) ? id : throw Bad($"{field} is not an event_id.");

    // What the database can store: it has no U+0000, and half a character is no UTF-8.
    private static bool IsText(string text)
    {
        if (text.Contains('\0')) return false;
        for (var i = text.AsSpan().IndexOfAnyInRange('\ud800', '\udfff'); i >= 0 && i < text.Length; i++)
        {
            if (!char.IsSurrogate(text[i])) continue;
            if (!char.IsHighSurrogate(text[i]) || i + 1 == text.Length || !char.IsLowSurrogate(text[i + 1])) return false;
            i++;
        }
        return true;
    }

    public static ChatException Bad(string message) => new(ErrorCodes.BadRequest, message);
}
