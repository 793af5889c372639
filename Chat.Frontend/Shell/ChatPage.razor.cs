using Chat.Contracts;
using Chat.Frontend.Session;
using Chat.Frontend.Timeline;
using Microsoft.AspNetCore.Components;
using Microsoft.AspNetCore.Components.Authorization;
using Microsoft.AspNetCore.Components.Web;
using Microsoft.JSInterop;

namespace Chat.Frontend.Shell;

/// <summary>
/// The window: sidebar, room and dialogs. It renders first without a circuit, as the empty shell; with the circuit it learns from the
/// browser where that is, starts the workspace, and takes over what an earlier circuit may have lost.
/// </summary>
public sealed partial class ChatPage(
    Workspace workspace, SharedTokens tokens, NavigationManager navigation, IJSRuntime js, TimeProvider time) : ComponentBase, IAsyncDisposable
{
    private DotNetObjectReference<ChatPage>? _self;
    private IJSObjectReference? _browser;
    private ErrorBoundary? _boundary;
    private DialogKind _dialog;
    private string _theme = "system";
    private string? _opened;
    private Task _ready = Task.CompletedTask;

    private Workspace Workspace { get; } = workspace;
    private NavigationManager Navigation { get; } = navigation;

    [Parameter]
    public string? RoomId { get; set; }

    [CascadingParameter]
    private Task<AuthenticationState> Authentication { get; set; } = default!;

    [CascadingParameter(Name = "ClientAddress")]
    private string? ClientAddress { get; set; }

    private string Title
    {
        get
        {
            var room = Workspace.Started ? Workspace.Rooms.Find(RoomId)?.Name : null;
            var unread = Workspace.Started ? Workspace.Rooms.TotalUnread : 0;
            return (unread > 0 ? $"({unread}) " : "") + (room is null ? "Chat" : $"{room} · Chat");
        }
    }

    protected override async Task OnInitializedAsync()
    {
        if (RendererInfo.IsInteractive) return;
        // A cookie outlives its session where that was ended elsewhere: then it is the sign-in's turn, not an empty shell's.
        if (BrowserSession.From((await Authentication).User) is { } user && await HasEndedAsync(user))
            Navigation.NavigateTo($"/login?ended=true&from={Uri.EscapeDataString("/" + Navigation.ToBaseRelativePath(Navigation.Uri))}");
    }

    protected override async Task OnParametersSetAsync()
    {
        _boundary?.Recover();
        if (Workspace.Started) await OpenAsync();
    }

    protected override async Task OnAfterRenderAsync(bool firstRender)
    {
        if (!firstRender || BrowserSession.From((await Authentication).User) is not { } user) return;
        _self = DotNetObjectReference.Create(this);
        _browser = await js.InvokeAsync<IJSObjectReference>("import", "/js/page.js");
        _theme = await _browser.InvokeAsync<string>("theme");
        // The workspace must stand before the browser hands over what waits: start() does so at once.
        var started = new TaskCompletionSource();
        _ready = started.Task;
        var place = await _browser.InvokeAsync<BrowserPlace>("start", _self, user.UserId);
        Workspace.Start(user, ClientAddress, LocalClock.Of(place.Zone, place.OffsetMinutes, place.TwelveHours, time), InvokeAsync, DispatchExceptionAsync);
        Workspace.Signal.Changed += Refresh;
        Workspace.Sender.Done += Forget;
        started.SetResult();
        await OpenAsync();
        StateHasChanged();
    }

    /// <summary>The browser hands over a message.</summary>
    [JSInvokable]
    public async Task Submit(string roomId, string clientId, string text)
    {
        await _ready;
        if (!RoomIds.IsValid(roomId) || clientId is not { Length: > 0 and <= ProtocolLimits.MaxClientIdLength }) return;
        if (!Workspace.Sender.Submit(roomId, clientId, text)) throw new JSException("Too many messages wait.");
        // What one sends belongs in view.
        if (Workspace.Open is { } room && room.RoomId == roomId && !room.Timeline.AtHead)
            Workspace.Platform.Tasks.Run("Going to the end", room.GoToEndAsync);
    }

    public async ValueTask DisposeAsync()
    {
        if (Workspace.Started)
        {
            Workspace.Signal.Changed -= Refresh;
            Workspace.Sender.Done -= Forget;
        }
        _self?.Dispose();
        if (_browser is not null)
        {
            try
            {
                await _browser.DisposeAsync();
            }
            catch (JSDisconnectedException)
            {
                // The browser has gone, and its modules with it.
            }
        }
    }

    private async Task<bool> HasEndedAsync(BrowserSession user)
    {
        try
        {
            return await tokens.ReadAsync(user) is null;
        }
        catch (ChatException)
        {
            return false; // cannot be known now: the page says what works and what does not
        }
    }

    private async Task OpenAsync()
    {
        if (_opened == RoomId) return;
        _opened = RoomId;
        if (RoomId is null)
        {
            Workspace.Close();
            return;
        }
        var at = await _browser!.InvokeAsync<BrowserPosition?>("position", RoomId);
        if (_opened == RoomId) Workspace.OpenRoom(RoomId, at is null ? null : new OpenPosition(0, "at", at.Seq, at.Offset));
    }

    private void Refresh(Change change)
    {
        if (change.HasFlag(Change.Rooms)) StateHasChanged();
    }

    private void Forget(string clientId) => Workspace.Platform.Tasks.Run("Telling the browser", async cancellationToken =>
    {
        try
        {
            await _browser!.InvokeVoidAsync("done", cancellationToken, clientId);
        }
        catch (JSDisconnectedException)
        {
            // It hands the message over again when it is back, and is told then.
        }
    });

    private void Show(DialogKind dialog) => _dialog = dialog;

    private void HideDialog() => _dialog = DialogKind.None;

    private async Task SetThemeAsync(string theme)
    {
        _theme = theme;
        await _browser!.InvokeVoidAsync("setTheme", theme);
    }

    private sealed record BrowserPlace(string Zone, int OffsetMinutes, bool TwelveHours);

    private sealed record BrowserPosition(long Seq, int Offset);
}
