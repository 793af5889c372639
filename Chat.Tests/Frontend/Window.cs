using Microsoft.Playwright;
using static Microsoft.Playwright.Assertions;

namespace Chat.Tests.Frontend;

/// <summary>What a person does in a window, in their words.</summary>
internal sealed class Window(IPage page, Uri origin)
{
    public const string Password = "correct horse battery";

    public IPage Page { get; } = page;

    public ILocator Composer => Page.Locator("#composer");

    public ILocator Message(string text) => Page.Locator("article .text", new PageLocatorOptions { HasTextString = text });

    public ILocator Row(string room) => Page.Locator(".side a.row", new PageLocatorOptions { HasTextString = room });

    public async Task RegisterAsync(string userName, string displayName)
    {
        await Page.GotoAsync(new Uri(origin, "/register").ToString());
        await Page.GetByLabel("Your name").FillAsync(displayName);
        await Page.GetByLabel("User name").FillAsync(userName);
        await Page.Locator("#password").FillAsync(Password);
        await Page.GetByRole(AriaRole.Button, new() { Name = "Create account" }).ClickAsync();
        await LiveAsync();
    }

    public async Task SignInAsync(string userName, string path = "/")
    {
        await Page.GotoAsync(new Uri(origin, $"/login?from={Uri.EscapeDataString(path)}").ToString());
        await Page.GetByLabel("User name").FillAsync(userName);
        await Page.Locator("#password").FillAsync(Password);
        await Page.GetByRole(AriaRole.Button, new() { Name = "Sign in" }).ClickAsync();
        await LiveAsync();
    }

    /// <summary>The circuit stands and the platform answers.</summary>
    public Task LiveAsync() => Expect(Page.Locator(".me .who span")).ToHaveTextAsync("Online");

    public async Task CreateRoomAsync(string name)
    {
        await Page.Locator("[popovertarget=room-menu]").ClickAsync();
        await Page.Locator("#room-menu").GetByText("Create a room").ClickAsync();
        await Page.Locator("#room-name").FillAsync(name);
        await Page.GetByRole(AriaRole.Button, new() { Name = "Create room" }).ClickAsync();
        await InRoomAsync(name);
    }

    public async Task JoinAsync(string name)
    {
        await Page.Locator("[popovertarget=room-menu]").ClickAsync();
        await Page.Locator("#room-menu").GetByText("Browse rooms").ClickAsync();
        await Page.GetByLabel("Find a public room").FillAsync(name);
        await Page.GetByRole(AriaRole.Button, new() { Name = $"Join {name}" }).ClickAsync();
        await InRoomAsync(name);
    }

    public async Task InRoomAsync(string name)
    {
        await Expect(Page.Locator("#room-title")).ToContainTextAsync(name);
        await Expect(Composer).ToBeVisibleAsync();
        await Expect(Page.Locator(".history .skeleton")).ToHaveCountAsync(0);
    }

    public async Task SendAsync(string text)
    {
        await Expect(Composer).ToHaveAttributeAsync("data-ready", "");
        await Composer.FillAsync(text);
        await Composer.PressAsync("Enter");
        await Expect(Composer).ToHaveValueAsync("");
    }

    public Task ReadsAsync(string text) => Expect(Message(text)).ToBeVisibleAsync();
}
