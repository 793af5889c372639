using Chat.Tests.EndToEnd;
using Microsoft.Playwright;
using static Microsoft.Playwright.Assertions;

namespace Chat.Tests.Frontend;

/// <summary>
/// Two instances of the interface behind one gateway, which has a proxy in front of it (the test, which says where each browser is),
/// with limits that count.
/// </summary>
[Collection(Name)]
public sealed class FrontendsTests(FrontendsTests.TwoFrontends two, Browser browser) : IClassFixture<Browser>
{
    private const string Name = "Two frontends";
    private const string SetupCode = "open-sesame";
    private const string AffinityCookie = "chat.instance";

    /// <summary>One test, since each step needs the platform as the one before left it.</summary>
    [Fact]
    public async Task Windows_of_two_frontends_have_their_own_circuits_and_addresses()
    {
        await TheFirstPageAsksForTheSetupCodeAsync();
        var windows = await BrowsersAreSpreadAndEachStaysAsync();
        await AnAddressThatIsFullIsRefusedAsync();
        await EachStaysOverAReloadAsync(windows);
        Assert.Empty(browser.Complaints);
    }

    private async Task TheFirstPageAsksForTheSetupCodeAsync()
    {
        var page = await browser.OpenAsync(address: "203.0.113.1");
        // The page does not wait long for the platform, and leaves out what it was not told: the very first question may take longer.
        await Await.UntilAsync(async () =>
        {
            await page.GotoAsync(new Uri(two.System.Origin, "/register").ToString());
            return await page.GetByRole(AriaRole.Heading).TextContentAsync() == "Make the first account";
        }, () => "the page of the first account");
        await Browser.PictureAsync(page, "first-run-1440-light");

        await page.GetByLabel("Setup code").FillAsync("a guess");
        await FillAndSendAsync(page, "root");
        await Expect(page.GetByRole(AriaRole.Alert)).ToContainTextAsync("right code");

        await page.GetByLabel("Setup code").FillAsync(SetupCode);
        await FillAndSendAsync(page, "root");
        await new Window(page, two.System.Origin).LiveAsync();
        await page.Context.CloseAsync();
    }

    /// <summary>With one connection per address, all of them live means that each counts under its browser's own.</summary>
    private async Task<List<Window>> BrowsersAreSpreadAndEachStaysAsync()
    {
        var windows = new List<Window>();
        var instances = new HashSet<string>();
        for (var i = 2; i <= 5; i++)
        {
            var window = new Window(await browser.OpenAsync(address: $"203.0.113.{i}"), two.System.Origin);
            await window.RegisterAsync($"guest{i}", $"Guest {i}");
            await Expect(window.Page.GetByLabel("Setup code")).ToHaveCountAsync(0);
            instances.Add(await InstanceAsync(window));
            windows.Add(window);
        }
        Assert.Equal(2, instances.Count);
        return windows;
    }

    private async Task AnAddressThatIsFullIsRefusedAsync()
    {
        var page = await browser.OpenAsync(address: "203.0.113.2");
        await page.GotoAsync(new Uri(two.System.Origin, "/register").ToString());
        await Expect(page.GetByRole(AriaRole.Heading)).ToHaveTextAsync("Create your account");
        await FillAndSendAsync(page, "late");
        await Expect(page.Locator(".banner")).ToBeVisibleAsync();
        await Expect(page.Locator(".me .who span")).Not.ToHaveTextAsync("Online");
        await page.Context.CloseAsync();
    }

    private static async Task EachStaysOverAReloadAsync(List<Window> windows)
    {
        foreach (var window in windows)
        {
            var instance = await InstanceAsync(window);
            await window.Page.ReloadAsync();
            await window.LiveAsync();
            Assert.Equal(instance, await InstanceAsync(window));
        }
    }

    private static async Task<string> InstanceAsync(Window window) =>
        (await window.Page.Context.CookiesAsync()).Single(cookie => cookie.Name == AffinityCookie).Value;

    private static async Task FillAndSendAsync(IPage page, string userName)
    {
        await page.GetByLabel("User name").FillAsync(userName);
        await page.Locator("#password").FillAsync(Window.Password);
        await page.GetByRole(AriaRole.Button, new() { Name = "Create account" }).ClickAsync();
    }

    /// <summary>Apart from all other tests: a whole system has the machine for itself.</summary>
    [CollectionDefinition(Name, DisableParallelization = true)]
    public sealed class Alone : ICollectionFixture<TwoFrontends>;

    public sealed class TwoFrontends : IAsyncLifetime
    {
        internal ChatSystem System { get; private set; } = null!;

        public async ValueTask InitializeAsync() => System = await ChatSystem.StartAsync(
            "CHAT_FRONTENDS=2", "CHAT_NODES=1", "Chat:Gateway:TrustedProxies:0=127.0.0.0/8", "Chat:Gateway:TrustedProxies:1=::1", "Chat:Auth:BootstrapCode=" + SetupCode,
            "Chat:Limits:Enabled=true", "Chat:Limits:ConnectionsPerAddress=1");

        public async ValueTask DisposeAsync()
        {
            if (System is not null) await System.DisposeAsync();
        }
    }
}
