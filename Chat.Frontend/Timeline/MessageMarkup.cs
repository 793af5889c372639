using System.Globalization;
using System.Net;
using System.Text;
using System.Text.RegularExpressions;
using Ganss.Xss;
using Markdig;

namespace Chat.Frontend.Timeline;

/// <summary>What became of a text.</summary>
public readonly record struct RenderedText(string Html, bool MentionsMe);

/// <summary>
/// Turns the text of a message into markup. Whatever people write, what leaves this class contains only the elements, attributes
/// and schemes that are listed here: raw HTML is never interpreted, and the result passes a sanitiser all the same.
/// </summary>
public sealed partial class MessageMarkup(string userName)
{
    public const string Markdown = "text/markdown";
    private const int MaxBigEmoji = 3;
    private static readonly HtmlSanitizer Sanitizer = CreateSanitizer();
    private readonly MarkdownPipeline _pipeline = MessagePipeline.Create(userName);

    public RenderedText Render(string content, string? contentType)
    {
        var html = contentType == Markdown ? Markdig.Markdown.ToHtml(content, _pipeline) : Plain(content);
        var safe = Sanitizer.Sanitize(html);
        return new RenderedText(safe, safe.Contains("class=\"at-me\"", StringComparison.Ordinal));
    }

    /// <summary>True for one to three emoji and nothing else, which are shown big.</summary>
    public static bool IsFewEmoji(string content)
    {
        var text = content.AsSpan().Trim();
        if (text.IsEmpty || text.Length > 32) return false;
        var count = 0;
        var elements = StringInfo.GetTextElementEnumerator(text.ToString());
        while (elements.MoveNext())
        {
            var element = elements.GetTextElement();
            if (element == " ") continue;
            var first = Rune.GetRuneAt(element, 0);
            // Emoji are symbols above the arrows, or plain characters that a variation selector turns into one.
            var emoji = first.Value >= 0x2190 && Rune.GetUnicodeCategory(first) == UnicodeCategory.OtherSymbol;
            if (!emoji || ++count > MaxBigEmoji) return false;
        }
        return count > 0;
    }

    private string Plain(string content)
    {
        var html = new StringBuilder("<p dir=\"auto\">");
        foreach (var (line, index) in content.ReplaceLineEndings("\n").Split('\n').Select((line, index) => (line, index)))
        {
            if (index > 0) html.Append("<br>");
            var at = 0;
            foreach (Match match in LinkOrMention().Matches(line))
            {
                html.Append(WebUtility.HtmlEncode(line[at..match.Index]));
                html.Append(match.Value[0] == '@' ? MentionInline.Html(match.Value[1..], userName) : Link(match.Value));
                at = match.Index + match.Length;
            }
            html.Append(WebUtility.HtmlEncode(line[at..]));
        }
        return html.Append("</p>").ToString();
    }

    private static string Link(string url)
    {
        var encoded = WebUtility.HtmlEncode(url);
        return $"<a href=\"{encoded}\" rel=\"{MessagePipeline.LinkRel}\" target=\"_blank\">{encoded}</a>";
    }

    [GeneratedRegex(@"https?://[^\s<>""]*[^\s<>"".,;:!?)\]']|(?<![\w@.])@[A-Za-z0-9_.-]{2,31}[A-Za-z0-9_]", RegexOptions.CultureInvariant, 200)]
    private static partial Regex LinkOrMention();

    private static HtmlSanitizer CreateSanitizer()
    {
        var sanitizer = new HtmlSanitizer(new HtmlSanitizerOptions
        {
            AllowedTags = new HashSet<string>(StringComparer.OrdinalIgnoreCase)
            {
                "p", "br", "strong", "em", "del", "code", "pre", "ul", "ol", "li", "blockquote", "a", "span", "div", "header", "button",
            },
            AllowedAttributes = new HashSet<string>(StringComparer.OrdinalIgnoreCase)
            {
                "href", "rel", "target", "dir", "class", "start", "type", "tabindex", "aria-label", "title",
            },
            AllowedSchemes = new HashSet<string>(StringComparer.OrdinalIgnoreCase) { "http", "https", "mailto" },
            UriAttributes = new HashSet<string>(StringComparer.OrdinalIgnoreCase) { "href" },
            AllowedClasses = new HashSet<string>(StringComparer.Ordinal)
            {
                "code", "grow", "cut", "ib", "sm", "copy", "at-me", "at-user",
            },
        });
        sanitizer.KeepChildNodes = true;
        return sanitizer;
    }
}
