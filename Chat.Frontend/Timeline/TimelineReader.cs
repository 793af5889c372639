using Chat.Contracts;

namespace Chat.Frontend.Timeline;

/// <summary>Reads events for one person: their clock, their name, their mentions.</summary>
public sealed class TimelineReader(string userId, string userName, Func<string> displayName, LocalClock clock)
{
    private readonly MessageMarkup _markup = new(userName);

    public string UserId { get; } = userId;
    public string Name => displayName();
    public LocalClock Clock { get; set; } = clock;

    public bool IsMine(ChatEvent e) => e.SenderId == UserId;

    public TimelineItem Read(ChatEvent e)
    {
        if (e.EventType != EventTypes.ChatMessage || e.DeletedAt is not null) return new TimelineItem(e, "", false, false);
        var content = e.Content ?? "";
        var markup = _markup.Render(content, e.ContentType);
        var ping = !IsMine(e) && (markup.MentionsMe || e.Mentions?.Contains(UserId) == true);
        return new TimelineItem(e, markup.Html, MessageMarkup.IsFewEmoji(content), ping);
    }

    /// <summary>True when somebody else's message names the reader.</summary>
    public bool MentionsMe(ChatEvent e) => e.EventType == EventTypes.ChatMessage && !IsMine(e) && (
        e.Mentions?.Contains(UserId) == true
        || (e.Content is { } text && text.Contains("@" + userName, StringComparison.OrdinalIgnoreCase) && _markup.Render(text, e.ContentType).MentionsMe));

    /// <summary>The markup of an own message that is still on its way.</summary>
    public string Render(string content) => _markup.Render(content, MessageMarkup.Markdown).Html;
}
