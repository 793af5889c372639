using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Text.Json;
using System.Text.RegularExpressions;
using Chat.Contracts;
using Microsoft.Playwright;

namespace Chat.Tests.EndToEnd;

/// <summary>What <c>docs/writing-a-client.md</c> tells client authors to type runs as it stands there.</summary>
[Collection(SharedSystemTests.Name)]
public sealed class DocumentedSnippetTests(SharedSystem shared)
{
    private readonly ChatSystem _system = shared.System;

    [Fact]
    public async Task The_first_contact_with_curl_works()
    {
        var person = $"curl{Guid.NewGuid():N}"[..20];
        var script = (await SnippetAsync("sh"))
            .Replace("http://localhost:8080", _system.Origin.GetLeftPart(UriPartial.Authority), StringComparison.Ordinal)
            .Replace("\"ann\"", $"\"{person}\"", StringComparison.Ordinal)
            .Replace("lobby", person, StringComparison.Ordinal);
        var folder = Directory.CreateTempSubdirectory("chat-docs-");
        try
        {
            using var bash = Process.Start(new ProcessStartInfo("bash", ["-e", "-c", script]) { WorkingDirectory = folder.FullName, RedirectStandardOutput = true })!;
            var output = await bash.StandardOutput.ReadToEndAsync().Within("the end of the script");
            await bash.WaitForExitAsync().Within("the end of the script");
            Assert.Equal(0, bash.ExitCode);
            Assert.Contains("\"content\":\"Hello\"", output, StringComparison.Ordinal);
            Assert.Contains("\"client_id\":\"first\"", output, StringComparison.Ordinal);
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    [Fact]
    public async Task The_client_in_the_browser_sends_and_shows_every_message_once_and_in_order()
    {
        var (ann, bob) = (await _system.RegisterAsync("ann"), await _system.RegisterAsync("bob"));
        var room = await ann.CreateRoomAsync();
        var script = (await SnippetAsync("js")).Replace("'lobby'", $"'{room}'", StringComparison.Ordinal);

        using var playwright = await Playwright.CreateAsync();
        await using var browser = await playwright.Chromium.LaunchAsync(BrowserOptions());
        var page = await browser.NewPageAsync();
        // A page of the origin without a script of its own.
        await page.GotoAsync(new Uri(_system.Origin, "/openapi/v1.json").AbsoluteUri);
        await page.EvaluateAsync($"() => {{ const shown = []; const show = (e) => shown.push(e); const reload = () => {{}};\n{script}\n"
            + "window.chat = { shown, start: (t) => { token = t; return connect(); }, send: (content) => send(content), ready: () => epoch !== undefined }; }");
        await page.EvaluateAsync("(token) => window.chat.start(token)", await ann.AccessTokenAsync());
        await page.WaitForFunctionAsync("() => window.chat.ready()").Within("the subscription of the snippet");
        await page.EvaluateAsync("() => { for (let i = 0; i < 5; i++) window.chat.send(`mine ${i}`); }");

        await using var other = await bob.ConnectAsync();
        await other.Connection.SubscribeAsync(room).Within("the subscription");
        await other.Connection.SendMessageAsync(room, "theirs").Within("the receipt");
        await Await.UntilAsync(
            async () => await page.EvaluateAsync<int>("() => window.chat.shown.filter((e) => e.event_type === 'chat_message').length") == 6,
            () => "six messages in the browser");
        var json = await page.EvaluateAsync<string>("() => JSON.stringify({ events: window.chat.shown, head_seq: 0, has_more: false })");
        var shown = JsonSerializer.Deserialize(json, ChatJson.Wire.HistoryPage)!.Events;
        Assert.Equal(shown.OrderBy(e => e.Seq).Select(e => e.Seq), shown.Select(e => e.Seq));
        Assert.Equal(["mine 0", "mine 1", "mine 2", "mine 3", "mine 4"], shown.Where(e => e.SenderId == ann.UserId && e.Content is not null).Select(e => e.Content!));
    }

    private static BrowserTypeLaunchOptions BrowserOptions() => new()
    {
        // The distribution's browser where there is one; else the one that Playwright has installed.
        ExecutablePath = File.Exists("/usr/bin/chromium") ? "/usr/bin/chromium" : null,
        Args = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
    };

    /// <summary>The first code block of a language in the page.</summary>
    private static async Task<string> SnippetAsync(string language, [CallerFilePath] string source = "")
    {
        var text = await File.ReadAllTextAsync(Path.Combine(Path.GetDirectoryName(source)!, "..", "..", "docs", "writing-a-client.md"));
        return Regex.Match(text, $"```{language}\n(.*?)```", RegexOptions.Singleline).Groups[1].Value is { Length: > 0 } snippet
            ? snippet
            : throw new InvalidOperationException($"docs/writing-a-client.md has no block of {language}.");
    }
}
