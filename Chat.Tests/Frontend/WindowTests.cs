using Chat.Client;
using Chat.Contracts.Api;
using Chat.Tests.EndToEnd;
using Deque.AxeCore.Commons;
using Deque.AxeCore.Playwright;
using Microsoft.Playwright;
using static Microsoft.Playwright.Assertions;

namespace Chat.Tests.Frontend;

/// <summary>The interface in a real browser, through the gateway of the whole system.</summary>
[Collection(SharedSystemTests.Name)]
public sealed class WindowTests(SharedSystem shared, Browser browser) : IClassFixture<Browser>
{
    private static int _names;
    private readonly ChatSystem _system = shared.System;

    [Fact]
    public async Task Two_people_register_meet_in_a_room_and_chat()
    {
        var (ann, ben) = (await OpenAsync(), await OpenAsync(theme: ColorScheme.Dark));
        var room = Name("harbour");
        await ann.RegisterAsync(Name("ann"), "Ann Lee");
        await ann.CreateRoomAsync(room);
        await ann.SendAsync("Good **morning**");
        await ann.ReadsAsync("Good morning");

        await ben.RegisterAsync(Name("ben"), "Ben Oak");
        await ben.JoinAsync(room);
        await Expect(ben.Page.Locator(".new")).ToBeVisibleAsync();
        await ben.Composer.PressSequentiallyAsync("On my way");
        await Expect(ann.Page.Locator(".typing")).ToContainTextAsync("Ben Oak is typing");
        await ben.Composer.PressAsync("Enter");
        await ann.ReadsAsync("On my way");
        await Expect(ann.Page.Locator(".pane .person", new() { HasTextString = "Ben Oak" }).Locator(".dot.on")).ToBeVisibleAsync();
        await Browser.PictureAsync(ann.Page, "chat-1440-light");
        await Browser.PictureAsync(ben.Page, "chat-1440-dark");
        Assert.Empty(browser.Complaints);
    }

    [Fact]
    public async Task What_came_elsewhere_is_counted_and_read_when_it_was_seen()
    {
        var (reader, writer) = (await _system.RegisterAsync("reader"), await _system.RegisterAsync("writer"));
        var (first, second) = (Name("first"), Name("second"));
        foreach (var room in new[] { first, second })
        {
            await writer.Api.CreateRoomAsync(new CreateRoomRequest(room, room, RoomKinds.Public));
            await reader.Api.JoinRoomAsync(room);
        }
        var window = await OpenAsync();
        await window.SignInAsync(reader.UserName, $"/rooms/{first}");
        await window.InRoomAsync(first);
        for (var i = 1; i <= 3; i++) await writer.Api.SendMessageAsync(second, new SendMessageRequest { Content = $"news {i}" });
        await Expect(window.Row(second).Locator(".badge")).ToContainTextAsync("3");
        await Expect(window.Page).ToHaveTitleAsync($"(3) {first} · Chat");

        await window.Row(second).ClickAsync();
        await window.InRoomAsync(second);
        await Expect(window.Page.Locator(".new")).ToBeVisibleAsync();
        await Expect(window.Row(second).Locator(".badge")).ToHaveCountAsync(0);
        await Await.UntilAsync(async () => (await reader.Api.GetMyRoomsAsync()).Single(r => r.RoomId == second).Unread == 0, () => "the marker on the platform");
        await Expect(window.Page.Locator(".new")).ToBeVisibleAsync(); // stays until the room is left
    }

    [Fact]
    public async Task Somebody_in_more_rooms_than_a_page_of_the_list_sees_all_and_hears_of_the_active_ones()
    {
        const int Quiet = 1_050;
        var (reader, writer) = (await _system.RegisterAsync("reader"), await _system.RegisterAsync("writer"));
        // The last by name, and joined before the others: on the last page of the list.
        var active = Name("zebra");
        await writer.Api.CreateRoomAsync(new CreateRoomRequest(active, active, RoomKinds.Public));
        await reader.Api.JoinRoomAsync(active);
        await writer.Api.SendMessageAsync(active, new SendMessageRequest { Content = "before" });
        await Database.JoinRoomsAsync(_system, reader, Name("quiet") + "-", Quiet);
        var rooms = await reader.Api.GetMyRoomsAsync().Within("the list");
        Assert.Equal((Quiet + 1, active), (rooms.DistinctBy(room => room.RoomId).Count(), rooms[0].RoomId));

        var window = await OpenAsync();
        await window.SignInAsync(reader.UserName);
        await Expect(window.Page.Locator(".side a.row")).ToHaveCountAsync(Quiet + 1);
        await Expect(window.Row(active).Locator(".badge")).ToContainTextAsync("1");
        await writer.Api.SendMessageAsync(active, new SendMessageRequest { Content = "news" });
        await Expect(window.Row(active).Locator(".badge")).ToContainTextAsync("2");
        Assert.Empty(browser.Complaints);
    }

    [Fact]
    public async Task Scrolling_back_loads_history_without_a_jump_and_news_do_not_move_the_reader()
    {
        var (reader, writer) = (await _system.RegisterAsync("reader"), await _system.RegisterAsync("writer"));
        var room = Name("long");
        await writer.Api.CreateRoomAsync(new CreateRoomRequest(room, room, RoomKinds.Public));
        await reader.Api.JoinRoomAsync(room);
        await using (var device = await writer.ConnectAsync())
        {
            await Task.WhenAll(Enumerable.Range(1, 200).Select(i => device.Connection.SendMessageAsync(room,
                i % 5 == 0 ? $"message {i} " + string.Concat(Enumerable.Repeat("and more words ", 30)) : $"message {i}"))).Within("200 acks");
        }
        await reader.Api.MarkReadAsync(room, 10_000);

        var window = await OpenAsync();
        await window.SignInAsync(reader.UserName, $"/rooms/{room}");
        await window.InRoomAsync(room);
        await window.ReadsAsync("message 200");
        var pages = 0;
        while (await window.Page.Locator(".start").CountAsync() == 0)
        {
            // Nothing but the page that arrives can move the message that stands on top.
            var moved = await window.Page.EvaluateAsync<int>("""
                () => new Promise(resolve => {
                  const scroller = document.querySelector('.history'), all = () => [...document.querySelectorAll('article')];
                  const top = article => article.getBoundingClientRect().top - scroller.getBoundingClientRect().top;
                  scroller.scrollTop = 150;
                  requestAnimationFrame(() => {
                    const count = all().length, anchor = all().find(article => top(article) > 0), before = top(anchor);
                    const look = () => all().length === count ? requestAnimationFrame(look) : resolve(Math.round(top(anchor) - before));
                    look();
                  });
                })
                """).Within("an older page");
            Assert.InRange(moved, -1, 1);
            pages++;
        }
        Assert.True(pages >= 2, "Several pages were expected.");

        var place = await PlaceAsync();
        await writer.Api.SendMessageAsync(room, new SendMessageRequest { Content = "while you were up there" });
        await Expect(window.Page.Locator(".jump")).ToContainTextAsync("1 new message");
        Assert.Equal(place, await PlaceAsync());
        await window.Page.Locator(".jump button").ClickAsync();
        await Expect(window.Message("while you were up there")).ToBeInViewportAsync();

        Task<int> PlaceAsync() => window.Page.EvaluateAsync<int>("() => Math.round(document.querySelector('.history').scrollTop)");
    }

    [Fact]
    public async Task A_direct_message_is_found_by_name_and_arrives()
    {
        var (ann, ben) = (await _system.RegisterAsync("ann"), await _system.RegisterAsync("ben"));
        var (here, there) = (await OpenAsync(), await OpenAsync());
        await there.SignInAsync(ben.UserName);
        await here.SignInAsync(ann.UserName);
        await here.Page.GetByRole(AriaRole.Button, new() { Name = "Start a direct message" }).ClickAsync();
        await here.Page.GetByLabel("Find a person by user name").FillAsync(ben.UserName);
        await here.Page.Locator("dialog .pick", new() { HasTextString = ben.UserName }).First.ClickAsync();
        await here.InRoomAsync(ben.UserName);
        await here.SendAsync("Five minutes?");
        await Expect(there.Row(ann.UserName).Locator(".badge")).ToContainTextAsync("1");
        await there.Row(ann.UserName).ClickAsync();
        await there.ReadsAsync("Five minutes?");
    }

    [Fact]
    public async Task Everything_works_at_375_pixels()
    {
        var person = await _system.RegisterAsync("narrow");
        var room = Name("pocket");
        await person.Api.CreateRoomAsync(new CreateRoomRequest(room, room, RoomKinds.Public));
        var window = await OpenAsync(375, 812, touch: true);
        await window.Page.GotoAsync(new Uri(_system.Origin, "/login").ToString());
        await Browser.PictureAsync(window.Page, "login-375");
        await window.Page.GetByLabel("User name").FillAsync(person.UserName);
        await window.Page.Locator("#password").FillAsync(Window.Password);
        await window.Page.GetByRole(AriaRole.Button, new() { Name = "Sign in" }).TapAsync();
        await window.LiveAsync();
        await window.Page.GetByRole(AriaRole.Button, new() { Name = "Open rooms and people" }).TapAsync();
        await Expect(window.Row(room)).ToBeInViewportAsync();
        await Browser.PictureAsync(window.Page, "drawer-375");
        await window.Row(room).TapAsync();
        await window.InRoomAsync(room);
        await Expect(window.Row(room)).Not.ToBeVisibleAsync();
        await window.SendAsync("From my pocket, with a word that is long: " + new string('x', 80));
        await window.ReadsAsync("From my pocket");
        await window.Page.GetByRole(AriaRole.Button, new() { Name = "Room menu" }).TapAsync();
        await window.Page.Locator("#this-room-menu").GetByText("Members").TapAsync();
        await Expect(window.Page.Locator(".pane")).ToBeInViewportAsync();
        await window.Page.GetByRole(AriaRole.Button, new() { Name = "Close members" }).TapAsync();
        await Browser.PictureAsync(window.Page, "chat-375");
        Assert.True(await window.Page.EvaluateAsync<bool>("() => document.documentElement.scrollWidth <= innerWidth"), "Nothing may be wider than the screen.");
    }

    [Fact]
    public async Task The_keyboard_alone_is_enough()
    {
        var (person, other) = (await _system.RegisterAsync("keys"), await _system.RegisterAsync("other"));
        var rooms = new[] { Name("a-room"), Name("b-room") };
        foreach (var room in rooms) await person.Api.CreateRoomAsync(new CreateRoomRequest(room, room, RoomKinds.Public));
        await other.Api.JoinRoomAsync(rooms[0]);
        var window = await OpenAsync();
        var keyboard = window.Page.Keyboard;
        await window.Page.GotoAsync(new Uri(_system.Origin, "/login").ToString());
        await keyboard.PressAsync("Tab");
        await keyboard.TypeAsync(person.UserName);
        await keyboard.PressAsync("Tab");
        await keyboard.TypeAsync(Window.Password);
        await keyboard.PressAsync("Enter");
        await window.LiveAsync();

        await keyboard.PressAsync("Control+k");
        await Expect(window.Page.GetByLabel("Jump to a room or person").Nth(1)).ToBeFocusedAsync();
        await keyboard.TypeAsync(rooms[0]);
        await Expect(window.Page.Locator("dialog [role=option]")).ToHaveCountAsync(1);
        await keyboard.PressAsync("Enter");
        await window.InRoomAsync(rooms[0]);

        await other.Api.SendMessageAsync(rooms[0], new SendMessageRequest { Content = "first" });
        await window.ReadsAsync("first");
        await window.Page.EvaluateAsync("() => document.activeElement.blur()");
        await keyboard.PressAsync("Tab");
        await Expect(window.Page.Locator(".skip")).ToBeFocusedAsync();
        await keyboard.PressAsync("Enter");
        await Expect(window.Composer).ToBeFocusedAsync();
        await keyboard.TypeAsync("one");
        await keyboard.PressAsync("Shift+Enter");
        await keyboard.TypeAsync("two");
        await keyboard.PressAsync("Enter");
        await Expect(window.Message("one").Locator("br")).ToHaveCountAsync(1);

        await keyboard.PressAsync("Shift+F6");
        await Expect(window.Page.Locator("article").Last).ToBeFocusedAsync();
        await keyboard.PressAsync("Home");
        await Expect(window.Page.Locator("article").First).ToBeFocusedAsync();
        await keyboard.PressAsync("Alt+ArrowDown");
        await window.InRoomAsync(rooms[1]);
        await keyboard.PressAsync("Alt+ArrowUp");
        await window.InRoomAsync(rooms[0]);
        Assert.Empty(browser.Complaints);
    }

    [Fact]
    public async Task Rooms_can_be_switched_as_fast_as_keys_go()
    {
        var person = await _system.RegisterAsync("switch");
        var rooms = new[] { Name("a-room"), Name("b-room") };
        foreach (var room in rooms) await person.Api.CreateRoomAsync(new CreateRoomRequest(room, room, RoomKinds.Private));
        var window = await OpenAsync();
        await window.SignInAsync(person.UserName, $"/rooms/{rooms[0]}");
        await window.InRoomAsync(rooms[0]);
        for (var i = 0; i < 25; i++)
        {
            await window.Page.Keyboard.PressAsync("Alt+ArrowDown");
            await window.InRoomAsync(rooms[1]);
            await window.Page.Keyboard.PressAsync("Alt+ArrowUp");
            await window.InRoomAsync(rooms[0]);
        }
        // Without waiting for any of it.
        for (var i = 0; i < 25; i++) await window.Page.Keyboard.PressAsync(i % 2 == 0 ? "Alt+ArrowDown" : "Alt+ArrowUp");
        await window.Row(rooms[0]).ClickAsync();
        await window.InRoomAsync(rooms[0]);
        Assert.Empty(browser.Complaints);
    }

    [Fact]
    public async Task A_draft_stays_with_its_room_over_a_reload_and_signing_out_ends_it_all()
    {
        var person = await _system.RegisterAsync("drafts");
        var rooms = new[] { Name("a-room"), Name("b-room") };
        foreach (var room in rooms) await person.Api.CreateRoomAsync(new CreateRoomRequest(room, room, RoomKinds.Private));
        var window = await OpenAsync();
        await window.SignInAsync(person.UserName, $"/rooms/{rooms[0]}");
        await window.InRoomAsync(rooms[0]);
        await window.Composer.FillAsync("not finished");
        await window.Row(rooms[1]).ClickAsync();
        await window.InRoomAsync(rooms[1]);
        await Expect(window.Composer).ToHaveValueAsync("");
        await Expect(window.Row(rooms[0]).Locator(".draft")).ToBeVisibleAsync();
        await window.Row(rooms[0]).ClickAsync();
        await window.InRoomAsync(rooms[0]);
        await Expect(window.Composer).ToHaveValueAsync("not finished");
        await window.Page.ReloadAsync();
        await Expect(window.Composer).ToHaveValueAsync("not finished");
        await window.Row(rooms[1]).ClickAsync();
        await Expect(window.Row(rooms[0]).Locator(".draft")).ToBeVisibleAsync();

        await window.Page.GetByRole(AriaRole.Button, new() { Name = "Appearance and sign out" }).ClickAsync();
        await window.Page.GetByRole(AriaRole.Menuitem, new() { Name = "Sign out" }).ClickAsync();
        await Expect(window.Page).ToHaveURLAsync(new Uri(_system.Origin, "/login").ToString());
        await window.Page.GotoAsync(new Uri(_system.Origin, $"/rooms/{rooms[0]}").ToString());
        await Expect(window.Page.GetByLabel("User name")).ToBeVisibleAsync();
    }

    [Fact]
    public async Task The_theme_can_be_chosen_and_stays()
    {
        var person = await _system.RegisterAsync("theme");
        var window = await OpenAsync();
        await window.SignInAsync(person.UserName);
        await window.Page.GetByRole(AriaRole.Button, new() { Name = "Appearance and sign out" }).ClickAsync();
        await window.Page.GetByRole(AriaRole.Menuitemradio, new() { Name = "Dark" }).ClickAsync();
        await Expect(window.Page.Locator("html")).ToHaveAttributeAsync("data-theme", "dark");
        await window.Page.ReloadAsync();
        await window.LiveAsync();
        await Expect(window.Page.Locator("body")).ToHaveCSSAsync("background-color", "rgb(21, 19, 17)");
    }

    [Theory]
    [InlineData(ColorScheme.Light)]
    [InlineData(ColorScheme.Dark)]
    public async Task Axe_finds_nothing_serious(ColorScheme theme)
    {
        var person = await _system.RegisterAsync("axe");
        var room = Name("checked");
        await person.Api.CreateRoomAsync(new CreateRoomRequest(room, room, RoomKinds.Public, "What is spoken of here"));
        await person.Api.SendMessageAsync(room, new SendMessageRequest
        {
            Content = "A [link](https://example.org), `code`, @somebody\n\n> quoted\n\n```csharp\nvar x = 1;\n```",
            ContentType = "text/markdown",
        });
        var window = await OpenAsync(theme: theme);
        await window.Page.GotoAsync(new Uri(_system.Origin, "/register").ToString());
        await CheckAsync("register");
        await window.SignInAsync(person.UserName, $"/rooms/{room}");
        await window.InRoomAsync(room);
        await window.ReadsAsync("quoted");
        await CheckAsync("room");
        await window.Page.Locator("[popovertarget=me-menu]").ClickAsync();
        await CheckAsync("menu");
        await window.Page.Keyboard.PressAsync("Escape");
        await window.Page.Keyboard.PressAsync("Control+k");
        await Expect(window.Page.Locator("dialog[open] [role=option]").First).ToBeVisibleAsync();
        await CheckAsync("palette");

        async Task CheckAsync(string where)
        {
            var result = await window.Page.RunAxe();
            Assert.True(result.Violations.All(v => v.Impact is not ("serious" or "critical")), $"{where}: " + Describe(result));
        }
    }

    private static string Describe(AxeResult result) => string.Join("; ", result.Violations.Select(v =>
        $"{v.Impact} {v.Id} at {string.Join(", ", v.Nodes.Take(3).Select(n => n.Target))}"));

    private static string Name(string start) => $"{start}-{Interlocked.Increment(ref _names)}";

    private async Task<Window> OpenAsync(int width = 1440, int height = 900, ColorScheme theme = ColorScheme.Light, bool touch = false) =>
        new(await browser.OpenAsync(width, height, theme, touch), _system.Origin);
}
