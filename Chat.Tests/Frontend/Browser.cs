using System.Collections.Concurrent;
using Microsoft.Playwright;

namespace Chat.Tests.Frontend;

/// <summary>
/// One Chromium for the tests of a class. Every page is watched: an error in a script, or something that the content security policy
/// stopped, fails the test that looks at <see cref="Complaints"/>.
/// </summary>
public sealed class Browser : IAsyncLifetime
{
    private const string Installed = "/usr/bin/chromium";
    private IPlaywright? _playwright;
    private IBrowser? _browser;

    public ConcurrentQueue<string> Complaints { get; } = new();

    public async ValueTask InitializeAsync()
    {
        // How long is waited, not how fast it must be: a busy machine takes its time.
        Assertions.SetDefaultExpectTimeout(20_000);
        _playwright = await Playwright.CreateAsync();
        _browser = await _playwright.Chromium.LaunchAsync(new BrowserTypeLaunchOptions
        {
            // The distribution's where there is one, else the one that Playwright brings.
            ExecutablePath = File.Exists(Installed) ? Installed : null,
            Args =
            [
                "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
                "--disable-component-update", "--disable-sync",
            ],
        });
    }

    /// <summary>A window with cookies and storage of its own.</summary>
    /// <param name="address">What a proxy in front of the platform says of where the browser is.</param>
    public async Task<IPage> OpenAsync(
        int width = 1440, int height = 900, ColorScheme theme = ColorScheme.Light, bool touch = false, string? address = null)
    {
        var context = await _browser!.NewContextAsync(new BrowserNewContextOptions
        {
            ViewportSize = new ViewportSize { Width = width, Height = height },
            ColorScheme = theme,
            HasTouch = touch,
            IsMobile = touch,
            Locale = "en-GB",
            TimezoneId = "Europe/Berlin",
            ReducedMotion = ReducedMotion.Reduce,
            ExtraHTTPHeaders = address is null ? null : new Dictionary<string, string> { ["X-Forwarded-For"] = address },
        });
        context.SetDefaultTimeout(20_000);
        var page = await context.NewPageAsync();
        page.PageError += (_, error) => Complaints.Enqueue($"script: {error}");
        page.Console += (_, message) =>
        {
            if (message.Text.Contains("Content Security Policy", StringComparison.OrdinalIgnoreCase)) Complaints.Enqueue(message.Text);
        };
        return page;
    }

    /// <summary>Keeps a picture for people to compare; the folder is not part of the repository.</summary>
    public static Task PictureAsync(IPage page, string name)
    {
        var folder = Directory.CreateDirectory(Path.Combine(AppContext.BaseDirectory, "screenshots"));
        return page.ScreenshotAsync(new PageScreenshotOptions { Path = Path.Combine(folder.FullName, name + ".png") });
    }

    public async ValueTask DisposeAsync()
    {
        if (_browser is not null) await _browser.DisposeAsync();
        _playwright?.Dispose();
    }
}
