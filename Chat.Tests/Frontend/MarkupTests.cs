using Chat.Frontend.Timeline;

namespace Chat.Tests.Frontend;

public sealed class MarkupTests
{
    private readonly MessageMarkup _markup = new("sam");

    [Theory]
    [InlineData("<script>alert(1)</script>")]
    [InlineData("<img src=x onerror=alert(1)>")]
    [InlineData("[click](javascript:alert(1))")]
    [InlineData("[click](JaVaScRiPt:alert(1))")]
    [InlineData("[click](&#106;avascript:alert(1))")]
    [InlineData("[click](data:text/html;base64,PHNjcmlwdD4=)")]
    [InlineData("[click](vbscript:msgbox(1))")]
    [InlineData("![x](https://tracker.example/pixel.png)")]
    [InlineData("<a href=\"https://x\" onclick=\"alert(1)\">x</a>")]
    [InlineData("<svg onload=alert(1)>")]
    [InlineData("```<script>\n</code></pre><img src=x onerror=alert(1)>\n```")]
    [InlineData("<style>*{display:none}</style>")]
    [InlineData("<form action=//evil><button formaction=javascript:alert(1)>")]
    public void Hostile_text_is_inert(string text)
    {
        foreach (var type in new[] { MessageMarkup.Markdown, null })
        {
            // What a browser would make of it is asked of a parser, not guessed from the text.
            var document = new AngleSharp.Html.Parser.HtmlParser().ParseDocument(_markup.Render(text, type).Html);
            Assert.Empty(document.QuerySelectorAll("script, img, svg, style, form, iframe, object, embed, base, link, meta, input"));
            Assert.All(document.QuerySelectorAll("body *"), element => Assert.DoesNotContain(element.Attributes, a =>
                a.Name.StartsWith("on", StringComparison.Ordinal) || a.Name is "style" or "formaction" or "srcdoc"));
            Assert.All(document.QuerySelectorAll("a[href]"), link =>
                Assert.Matches("^(https?|mailto):", link.GetAttribute("href")));
        }
    }

    [Theory]
    [InlineData("**bold** *it* ~~gone~~ `code`", "<strong>bold</strong> <em>it</em> <del>gone</del> <code>code</code>")]
    [InlineData("one\ntwo", "one<br>")]
    [InlineData("# Title", "<strong>Title</strong>")]
    [InlineData("> quoted", "<blockquote>")]
    [InlineData("- a\n- b", "<ul>")]
    [InlineData("a < b & c > d", "a &lt; b &amp; c &gt; d")]
    public void Markdown_becomes_the_elements_of_the_design(string text, string html) =>
        Assert.Contains(html, _markup.Render(text, MessageMarkup.Markdown).Html);

    [Fact]
    public void Code_stands_in_a_box_with_its_language_and_a_copy_button()
    {
        var html = _markup.Render("```csharp\nvar x = \"<b>\";\n```", MessageMarkup.Markdown).Html;
        Assert.Contains("<div class=\"code\">", html);
        Assert.Contains(">C#<", html);
        Assert.Contains("class=\"ib sm copy\"", html);
        Assert.Contains("&lt;b&gt;", html);
    }

    [Theory]
    [InlineData("see https://example.org/a?b=1&c=2.", "https://example.org/a?b=1&amp;c=2")]
    [InlineData("(https://example.org/x)", "https://example.org/x")]
    public void Addresses_become_links_that_leave_in_a_new_tab(string text, string address)
    {
        foreach (var type in new[] { MessageMarkup.Markdown, null })
        {
            var html = _markup.Render(text, type).Html;
            Assert.Contains($"href=\"{address}\"", html);
            Assert.Contains("target=\"_blank\"", html);
        }
        Assert.Contains("noopener", _markup.Render(text, null).Html);
    }

    [Theory]
    [InlineData("@sam please look", true)]
    [InlineData("hey @Sam.", true)]
    [InlineData("ask @samantha", false)]
    [InlineData("mail sam@sam.example", false)]
    [InlineData("`@sam`", false)]
    public void Only_the_readers_own_name_is_a_mention_of_them(string text, bool mentions) =>
        Assert.Equal(mentions, _markup.Render(text, MessageMarkup.Markdown).MentionsMe);

    [Fact]
    public void Plain_text_keeps_its_lines_and_interprets_no_markdown()
    {
        var html = _markup.Render("**a**\n<b>", null).Html;
        Assert.Contains("**a**<br>&lt;b&gt;", html);
    }

    [Theory]
    [InlineData("🎉", true)]
    [InlineData("👍 🚀", true)]
    [InlineData("🎉🎉🎉🎉", false)]
    [InlineData("ok 👍", false)]
    [InlineData("1", false)]
    [InlineData("", false)]
    public void A_few_emoji_alone_are_shown_big(string text, bool big) => Assert.Equal(big, MessageMarkup.IsFewEmoji(text));
}
