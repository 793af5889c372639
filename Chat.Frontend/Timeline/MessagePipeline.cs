using Markdig;
using Markdig.Extensions.AutoLinks;
using Markdig.Extensions.EmphasisExtras;
using Markdig.Helpers;
using Markdig.Parsers;
using Markdig.Renderers;
using Markdig.Renderers.Html;
using Markdig.Renderers.Html.Inlines;
using Markdig.Syntax;
using Markdig.Syntax.Inlines;

namespace Chat.Frontend.Timeline;

/// <summary>The Markdown of messages: emphasis, code, lists, quotes, links and mentions. No HTML, no images, no headings of the page.</summary>
internal static class MessagePipeline
{
    public const string LinkRel = "noopener noreferrer nofollow";

    public static MarkdownPipeline Create(string userName)
    {
        var builder = new MarkdownPipelineBuilder()
            .DisableHtml()
            .UseSoftlineBreakAsHardlineBreak()
            .UseEmphasisExtras(EmphasisExtraOptions.Strikethrough)
            .UseAutoLinks(new AutoLinkOptions { OpenInNewWindow = true });
        builder.InlineParsers.Insert(0, new MentionParser());
        builder.Extensions.Add(new MessageRendering(userName));
        // Each paragraph takes its own direction.
        builder.DocumentProcessed += document =>
        {
            foreach (var block in document.Descendants())
                if (block is ParagraphBlock or ListItemBlock or HeadingBlock) block.GetAttributes().AddPropertyIfNotExist("dir", "auto");
        };
        return builder.Build();
    }

    private sealed class MessageRendering(string userName) : IMarkdownExtension
    {
        public void Setup(MarkdownPipelineBuilder pipeline) { }

        public void Setup(MarkdownPipeline pipeline, IMarkdownRenderer renderer)
        {
            if (renderer is not HtmlRenderer html) return;
            html.ObjectRenderers.ReplaceOrAdd<CodeBlockRenderer>(new CodeRenderer());
            html.ObjectRenderers.ReplaceOrAdd<HeadingRenderer>(new BoldLineRenderer());
            html.ObjectRenderers.ReplaceOrAdd<ThematicBreakRenderer>(new BreakRenderer());
            html.ObjectRenderers.ReplaceOrAdd<LinkInlineRenderer>(new OutsideLinkRenderer());
            html.ObjectRenderers.AddIfNotAlready(new MentionRenderer(userName));
        }
    }

    /// <summary>Code in a box with its language and a copy button.</summary>
    private sealed class CodeRenderer : HtmlObjectRenderer<CodeBlock>
    {
        protected override void Write(HtmlRenderer renderer, CodeBlock block)
        {
            renderer.EnsureLine();
            renderer.Write("<div class=\"code\"><header><span class=\"grow cut\">");
            renderer.WriteEscape(Language((block as FencedCodeBlock)?.Info));
            renderer.Write("</span><button class=\"ib sm copy\" type=\"button\" aria-label=\"Copy code\" title=\"Copy code\"></button></header>");
            renderer.Write("<pre tabindex=\"0\"><code>");
            renderer.WriteLeafRawLines(block, true, true);
            renderer.Write("</code></pre></div>");
            renderer.EnsureLine();
        }
    }

    // As people write the name; others as the author wrote them.
    private static string Language(string? info) => info?.ToLowerInvariant() switch
    {
        null or "" => "Code",
        "cs" or "csharp" => "C#",
        "cpp" or "c++" => "C++",
        "js" or "javascript" => "JavaScript",
        "ts" or "typescript" => "TypeScript",
        "py" or "python" => "Python",
        "sh" or "bash" => "Shell",
        "json" or "sql" or "xml" or "html" or "css" or "yaml" => info.ToUpperInvariant(),
        _ => info,
    };

    /// <summary>A heading inside a message is a bold line: it must not stand in the outline of the page.</summary>
    private sealed class BoldLineRenderer : HtmlObjectRenderer<HeadingBlock>
    {
        protected override void Write(HtmlRenderer renderer, HeadingBlock block)
        {
            renderer.Write("<p dir=\"auto\"><strong>");
            renderer.WriteLeafInline(block);
            renderer.Write("</strong></p>");
        }
    }

    private sealed class BreakRenderer : HtmlObjectRenderer<ThematicBreakBlock>
    {
        protected override void Write(HtmlRenderer renderer, ThematicBreakBlock block) => renderer.Write("<p>* * *</p>");
    }

    /// <summary>Links leave in a new tab and tell nobody where from; a picture elsewhere is a link, so that reading calls no foreign server.</summary>
    private sealed class OutsideLinkRenderer : HtmlObjectRenderer<LinkInline>
    {
        protected override void Write(HtmlRenderer renderer, LinkInline link)
        {
            renderer.Write("<a href=\"");
            renderer.WriteEscapeUrl(link.GetDynamicUrl is { } dynamic ? dynamic() ?? link.Url : link.Url);
            renderer.Write($"\" rel=\"{LinkRel}\" target=\"_blank\">");
            renderer.WriteChildren(link);
            renderer.Write("</a>");
        }
    }

    private sealed class MentionRenderer(string userName) : HtmlObjectRenderer<MentionInline>
    {
        protected override void Write(HtmlRenderer renderer, MentionInline mention) => renderer.Write(MentionInline.Html(mention.Name, userName));
    }

    private sealed class MentionParser : InlineParser
    {
        public MentionParser() => OpeningCharacters = ['@'];

        public override bool Match(InlineProcessor processor, ref StringSlice slice)
        {
            var before = slice.PeekCharExtra(-1);
            if (char.IsLetterOrDigit(before) || before is '.' or '@' or '/') return false;
            var length = 0;
            while (length < Contracts.UserNames.MaxLength && IsNameCharacter(slice.PeekChar(length + 1))) length++;
            // A full stop or dash at the end belongs to the sentence.
            while (length > 0 && slice.PeekChar(length) is '.' or '-') length--;
            if (length < Contracts.UserNames.MinLength) return false;
            var name = slice.Text.Substring(slice.Start + 1, length);
            processor.Inline = new MentionInline { Name = name };
            slice.Start += length + 1;
            return true;
        }

        private static bool IsNameCharacter(char c) => char.IsAsciiLetterOrDigit(c) || c is '_' or '-' or '.';
    }
}

/// <summary>An <c>@user_name</c> in a text.</summary>
internal sealed class MentionInline : LeafInline
{
    public required string Name { get; init; }

    public static string Html(string name, string reader)
    {
        var me = string.Equals(name, reader, StringComparison.OrdinalIgnoreCase);
        return $"<span class=\"{(me ? "at-me" : "at-user")}\">@{System.Net.WebUtility.HtmlEncode(name)}</span>";
    }
}
