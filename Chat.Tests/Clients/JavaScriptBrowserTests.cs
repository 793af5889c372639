using Chat.Tests.EndToEnd;
using Chat.Tests.Frontend;
using Microsoft.Playwright;

namespace Chat.Tests.Clients;

/// <summary>The modules of <c>clients/js</c> in a real browser, loaded from another origin than the platform's.</summary>
[Collection(SharedSystemTests.Name)]
public sealed class JavaScriptBrowserTests(SharedSystem shared, Browser browser) : IClassFixture<Browser>, IAsyncLifetime
{
    private readonly ChatSystem _system = shared.System;
    private ServedFolder? _files;

    public async ValueTask InitializeAsync() => _files = await ServedFolder.StartAsync(shared.ForeignOrigin, Path.Combine(Behaviours.Folder, "js"));

    public async ValueTask DisposeAsync()
    {
        if (_files is not null) await _files.DisposeAsync();
    }

    [Fact]
    public async Task Signs_in_sends_receives_and_resumes_after_a_lost_connection()
    {
        var ann = await _system.RegisterAsync("ann");
        var room = await ann.CreateRoomAsync();
        await using var other = await ann.ConnectAsync();
        await other.Connection.SubscribeAsync(room).Within("the subscription");
        var page = await browser.OpenAsync();
        var sockets = new List<IWebSocketRoute>();
        await page.RouteWebSocketAsync("**/ws?*", route =>
        {
            sockets.Add(route);
            route.ConnectToServer();
        });
        await page.GotoAsync(new Uri(shared.ForeignOrigin, "/test/browser/index.html").AbsoluteUri);
        await page.WaitForFunctionAsync("() => 'connect' in window");
        var person = new { server = _system.Origin.GetLeftPart(UriPartial.Authority), userName = ann.UserName, password = Window.Password, room };
        Assert.Equal(ann.UserId, await page.EvaluateAsync<string>("person => connect(person)", person));

        var seq = await page.EvaluateAsync<long>("async room => (await chat.send(room, 'one')).seq", room);
        Assert.Equal(seq + 1, (await other.Connection.SendMessageAsync(room, "two").Within("the receipt")).Seq);
        await ExpectAsync(page, "one", "two");

        await page.Context.SetOfflineAsync(true);
        await sockets[^1].CloseAsync();
        await page.WaitForFunctionAsync("() => chat.state.status !== 'connected'");
        await page.EvaluateAsync("room => { window.waiting = chat.send(room, 'written without a connection'); }", room);
        await other.Connection.SendMessageAsync(room, "three").Within("the receipt");
        Assert.Equal("pending", await page.EvaluateAsync<string>("() => Promise.race([waiting.then(() => 'sent'), 'pending'])"));
        await page.Context.SetOfflineAsync(false);
        await ExpectAsync(page, "one", "two", "three", "written without a connection");
        Assert.Equal(seq + 3, await page.EvaluateAsync<long>("async () => (await waiting).seq"));

        await other.ExpectMessagesAsync(room, 4);
        Assert.Equal(["one", "two", "three", "written without a connection"], other.Messages(room).Select(message => message.Content));
        Assert.Equal(new[] { seq, seq + 1, seq + 2, seq + 3 }, await page.EvaluateAsync<long[]>("() => told.seqs"));
        Assert.Equal(0, await page.EvaluateAsync<int>("() => told.resets.length + told.errors.length"));
        Assert.Equal("closed", await page.EvaluateAsync<string>("async () => { await chat.close(); return chat.state.closedReason; }"));
        Assert.Empty(browser.Complaints);
    }

    private static Task ExpectAsync(IPage page, params string[] messages) =>
        page.WaitForFunctionAsync("expected => JSON.stringify(told.messages) === JSON.stringify(expected)", messages);
}
