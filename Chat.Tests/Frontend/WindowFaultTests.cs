using Chat.Contracts;
using Chat.Contracts.Api;
using Chat.Tests.EndToEnd;
using static Microsoft.Playwright.Assertions;

namespace Chat.Tests.Frontend;

/// <summary>Processes die under an open window: it says so, loses nothing that was written, and comes back without anybody doing anything.</summary>
[Collection(Alone.Name)]
public sealed class WindowFaultTests(FaultedSystem faulted, Browser browser) : IClassFixture<Browser>
{
    private readonly ChatSystem _system = faulted.System;

    [Fact]
    public async Task Killed_nodes_are_named_in_the_banner_and_what_was_written_meanwhile_arrives_once()
    {
        var (window, other, room) = await OpenAsync();
        await using var device = await other.ConnectAsync();
        await _system.KillAsync(["realtime-1", "realtime-2"], async () =>
        {
            await Expect(window.Page.Locator(".me .who span")).ToHaveTextAsync("Connecting");
            await window.SendAsync("written without a node");
            await Expect(window.Page.Locator(".notices .banner")).ToBeVisibleAsync();
            await Browser.PictureAsync(window.Page, "connecting");
        });
        await window.ReadsAsync("written without a node");
        // The row is there at once, as pending: the nodes start again, the client tries after its back-off, and "back" stays for 4 s.
        await Expect(window.Page.Locator(".notices .banner")).ToHaveCountAsync(0, new() { Timeout = 40_000 });
        await Expect(window.Page.Locator("article .state")).ToHaveCountAsync(0, new() { Timeout = 40_000 });
        var history = await other.Api.GetMessagesAsync(room);
        Assert.Single(history.Events, e => e.Content == "written without a node");
        await other.Api.SendMessageAsync(room, new SendMessageRequest { Content = "and it goes on" });
        await window.ReadsAsync("and it goes on");
    }

    [Fact]
    public async Task Who_left_while_no_node_could_be_reached_is_shown_as_offline_afterwards()
    {
        var (window, other, _) = await OpenAsync();
        var row = window.Page.Locator(".pane .person", new() { HasTextString = other.UserName });
        var device = await other.ConnectAsync();
        await Expect(row.Locator(".dot.on")).ToBeVisibleAsync();
        await _system.KillAsync(["realtime-1", "realtime-2"], async () => await device.DisposeAsync());
        await Expect(row).ToHaveClassAsync("person off", new() { Timeout = 40_000 });
    }

    [Fact]
    public async Task A_killed_frontend_brings_back_the_room_the_draft_and_the_message_on_its_way()
    {
        var (window, other, room) = await OpenAsync();
        await _system.KillAsync(["frontend-1"], async () =>
        {
            await Expect(window.Page.Locator("html[data-circuit=down]")).ToHaveCountAsync(1);
            await window.SendAsync("on its way");
            await window.Composer.FillAsync("not finished");
        });
        await Expect(window.Page.Locator("html[data-circuit=down]")).ToHaveCountAsync(0, new() { Timeout = 40_000 });
        await window.InRoomAsync(room);
        await window.ReadsAsync("on its way");
        await Expect(window.Composer).ToHaveValueAsync("not finished");
        // Its row stands there before the platform has it.
        IReadOnlyList<ChatEvent> sent = [];
        await Await.UntilAsync(
            async () => (sent = [.. (await other.Api.GetMessagesAsync(room)).Events.Where(e => e.Content == "on its way")]).Count > 0, () => "the message on the platform");
        Assert.Single(sent);
        await Browser.PictureAsync(window.Page, "back");
    }

    private async Task<(Window Window, Person Other, string Room)> OpenAsync()
    {
        var (person, other) = (await _system.RegisterAsync("stays"), await _system.RegisterAsync("other"));
        var room = $"faults-{person.UserName}";
        await other.Api.CreateRoomAsync(new CreateRoomRequest(room, room, RoomKinds.Public));
        await person.Api.JoinRoomAsync(room);
        await other.Api.SendMessageAsync(room, new SendMessageRequest { Content = "before" });
        var window = new Window(await browser.OpenAsync(), _system.Origin);
        await window.SignInAsync(person.UserName, $"/rooms/{room}");
        await window.InRoomAsync(room);
        await window.ReadsAsync("before");
        return (window, other, room);
    }

    /// <summary>A system apart from those whose Redis forgets everything: the keys of the cookies would be among it.</summary>
    [CollectionDefinition(Name, DisableParallelization = true)]
    public sealed class Alone : ICollectionFixture<FaultedSystem>
    {
        public const string Name = "Windows and faults";
    }
}
