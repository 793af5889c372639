using Chat.Tests.EndToEnd;
using Chat.Tests.Frontend;
using Microsoft.Playwright;
using static Microsoft.Playwright.Assertions;

namespace Chat.Tests.Clients;

/// <summary><c>samples/plain-js</c> in a real browser, from an origin of its own, as its README starts it.</summary>
[Collection(SharedSystemTests.Name)]
public sealed class PlainSampleTests(SharedSystem shared, Browser browser) : IClassFixture<Browser>, IAsyncLifetime
{
    private readonly ChatSystem _system = shared.System;
    private ServedFolder? _files;

    public async ValueTask InitializeAsync() =>
        _files = await ServedFolder.StartAsync(shared.ForeignOrigin, Path.Combine(Behaviours.Folder, "..", "samples", "plain-js"));

    public async ValueTask DisposeAsync()
    {
        if (_files is not null) await _files.DisposeAsync();
    }

    [Fact]
    public async Task Registers_sends_and_shows_every_message_once_and_in_order_also_after_a_lost_connection()
    {
        var ann = await _system.RegisterAsync("ann");
        var room = await ann.CreateRoomAsync();
        await using var other = await ann.ConnectAsync();
        await other.Connection.SubscribeAsync(room).Within("the subscription");
        await other.Connection.SendMessageAsync(room, "before").Within("the receipt");

        var page = await browser.OpenAsync();
        var sockets = new List<IWebSocketRoute>();
        await page.RouteWebSocketAsync("**/ws?*", route =>
        {
            sockets.Add(route);
            route.ConnectToServer();
        });
        await OpenAsync(page, room, "register", $"plain{Guid.NewGuid():N}"[..20]);
        await ExpectMessagesAsync(page, "before");
        await SayAsync(page, "one");
        await ExpectMessagesAsync(page, "before", "one");
        await other.Connection.SendMessageAsync(room, "two").Within("the receipt");
        await ExpectMessagesAsync(page, "before", "one", "two");

        await page.Context.SetOfflineAsync(true);
        await sockets[^1].CloseAsync();
        await Expect(page.Locator("#status")).ToHaveTextAsync("Connection lost.");
        await SayAsync(page, "written without a connection");
        await Expect(page.Locator("#messages .waiting")).ToHaveTextAsync("written without a connection");
        await other.Connection.SendMessageAsync(room, "three").Within("the receipt");
        await page.Context.SetOfflineAsync(false);
        await ExpectMessagesAsync(page, "before", "one", "two", "three", "written without a connection");
        await other.ExpectMessagesAsync(room, 5);
        Assert.Equal(
            ["before", "one", "two", "three", "written without a connection"], other.Messages(room).Select(message => message.Content));
        Assert.Empty(browser.Complaints);
    }

    [Fact]
    public async Task Says_why_a_sign_in_failed()
    {
        var page = await browser.OpenAsync();
        await OpenAsync(page, "lobby", "login", "nobody-of-this-name");
        await Expect(page.Locator("#status")).Not.ToHaveTextAsync("Not signed in.");
        await Expect(page.Locator("#send")).ToBeHiddenAsync();
        Assert.Empty(browser.Complaints);
    }

    private async Task OpenAsync(IPage page, string room, string button, string name)
    {
        await page.GotoAsync($"{shared.ForeignOrigin}?server={_system.Origin.GetLeftPart(UriPartial.Authority)}");
        await page.FillAsync("[name=user_name]", name);
        await page.FillAsync("[name=password]", "correct horse battery");
        await page.FillAsync("[name=room]", room);
        await page.ClickAsync($"[name={button}]");
    }

    private static async Task SayAsync(IPage page, string text)
    {
        await page.FillAsync("[name=content]", text);
        await page.ClickAsync("#send button");
    }

    /// <summary>The texts without the name before them; those that wait have none.</summary>
    private static async Task ExpectMessagesAsync(IPage page, params string[] expected)
    {
        var messages = page.Locator("#messages li:not(.waiting)");
        await Expect(messages).ToHaveTextAsync(expected.Select(text => new System.Text.RegularExpressions.Regex($": {text}$")));
    }
}
