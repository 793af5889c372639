using Chat.Client;
using Chat.Contracts;
using Chat.Frontend.Composer;
using Chat.Frontend.Members;
using Chat.Frontend.Rooms;
using Chat.Frontend.Session;
using Chat.Frontend.Timeline;

namespace Chat.Frontend.Shell;

/// <summary>
/// Everything that one open window knows: one connection to the platform, the rooms, the open room, the own messages on their way.
/// All of it is touched only on the circuit's context; what the connection says comes there through the <see cref="Mailbox"/>.
/// </summary>
public sealed class Workspace(
    WorkspaceConnection connections, TimeProvider time, ILoggerFactory logs) : IAsyncDisposable
{
    private Mailbox? _mailbox;
    private WakeTimer? _timer;
    private ChatConnection? _connection;
    private CircuitTasks? _tasks;
    private CancellationTokenSource? _opening;
    private DateTimeOffset _minute;

    public ChangeSignal Signal { get; } = new();
    public PresenceBook Presence { get; } = new();
    public ConnectionNotice Connection { get; } = new(time);
    public Platform Platform { get; private set; } = default!;
    public RoomDirectory Directory { get; private set; } = default!;
    public Sender Sender { get; private set; } = default!;
    public OpenRoom? Open { get; private set; }
    public string DisplayName { get; private set; } = "";
    public bool Started { get; private set; }

    public RoomList Rooms => Directory.Rooms;
    public Notice? Notice => Connection.Current(Sender.Unsent);

    /// <summary>Starts connecting. Returns at once; what comes is told by <see cref="Signal"/>.</summary>
    /// <param name="user">Who is at the browser.</param>
    /// <param name="address">Where the browser is.</param>
    /// <param name="clock">Their zone.</param>
    /// <param name="dispatch">Runs work on the circuit's context.</param>
    /// <param name="fault">Shows a fault of ours.</param>
    public void Start(BrowserSession user, string? address, LocalClock clock, Func<Action, Task> dispatch, Func<Exception, Task> fault)
    {
        DisplayName = user.UserName;
        _tasks = new CircuitTasks(fault, logs.CreateLogger<CircuitTasks>());
        _mailbox = new Mailbox(work => RunAsync(work, dispatch, fault), Reload, time);
        _connection = connections.Create(user, address);
        Platform = new Platform(user, _connection, () => connections.Api(user),
            new TimelineReader(user.UserId, user.UserName, () => DisplayName, clock), time, Signal, _tasks);
        Directory = new RoomDirectory(Platform, new RoomList(user.UserId), Presence, logs.CreateLogger<RoomDirectory>());
        Sender = new Sender(Platform, _mailbox.Post);
        _timer = new WakeTimer(time, () => _mailbox.Post(Wake));
        Signal.Changed += _ => Rearm();

        _connection.StateChanged += state => _mailbox.Post(() => SetState(state));
        _connection.EventReceived += e => _mailbox.Post(() => Receive(e));
        _connection.RoomReset += reset => _mailbox.Post(() => Reset(reset));
        _connection.RoomResumed += resumed => _mailbox.Post(() => Resume(resumed));
        _connection.SubscriptionEnded += ended => _mailbox.Post(() => Leave(ended));

        Started = true;
        _tasks.Run("Connecting", _connection.StartAsync);
        _tasks.Run("Reading who I am", ReadMeAsync);
        Directory.Refresh();
    }

    /// <summary>Puts a room on the screen.</summary>
    public void OpenRoom(string roomId, OpenPosition? anchor)
    {
        Close();
        var opening = _opening = CancellationTokenSource.CreateLinkedTokenSource(_tasks!.Stopping);
        var room = Open = new OpenRoom(roomId, Platform, Directory, Sender.Of(roomId));
        _tasks.Run("Opening a room", async _ =>
        {
            // Its unread number decides where it opens.
            await Directory.FirstRead.WaitAsync(opening.Token);
            await room.LoadAsync(anchor, opening.Token);
        });
        Signal.Raise(Change.All);
    }

    public void Close()
    {
        if (Open is { } room) Sender.Of(room.RoomId).DropSent();
        _opening?.Cancel();
        _opening?.Dispose();
        _opening = null;
        Open = null;
        if (Started) Signal.Raise(Change.All);
    }

    public async ValueTask DisposeAsync()
    {
        _opening?.Cancel();
        _timer?.Dispose();
        if (_tasks is not null) await _tasks.StopAsync();
        if (_connection is not null) await _connection.DisposeAsync();
        if (_mailbox is not null) await _mailbox.DisposeAsync();
        _opening?.Dispose();
    }

    // A fault in one batch goes to the page; the mailbox itself goes on.
    private static async Task RunAsync(Action work, Func<Action, Task> dispatch, Func<Exception, Task> fault)
    {
        try
        {
            await dispatch(work);
        }
        catch (Exception exception)
        {
            await fault(exception);
        }
    }

    private async Task ReadMeAsync(CancellationToken cancellationToken)
    {
        var me = await Platform.Api.GetMeAsync(cancellationToken);
        DisplayName = me.DisplayName ?? me.UserName;
        Signal.Raise(Change.Rooms);
    }

    private void SetState(ConnectionState state)
    {
        var wasAway = !Connection.IsConnected;
        Connection.Set(state);
        // What has no events (rooms joined elsewhere, markers) is read again.
        if (state.Status == ConnectionStatus.Connected && wasAway && Rooms.Loaded) Directory.Refresh();
        Signal.Raise(Change.Notice);
    }

    private void Receive(ChatEvent e) => Signal.Hold(() =>
    {
        if (Presence.Receive(e)) Signal.Raise(Change.Members | Change.Rooms);
        if (e is { EventType: EventTypes.ChatMessage } && e.SenderId != Platform.User.UserId && e.Timestamp < Connection.BackAt)
        {
            Connection.CountMissed();
            Signal.Raise(Change.Notice);
        }
        if (e.RoomId is not { } roomId) return;
        var change = Rooms.Receive(e, Platform.Reader.MentionsMe(e));
        if (change is RoomListChange.UnknownRoom or RoomListChange.CountUnknown) Directory.Refresh();
        if (change is RoomListChange.Changed) Signal.Raise(Change.Rooms);
        if (Open?.RoomId == roomId) Signal.Raise(Open.Receive(e));
    });

    private void Reset(RoomReset reset)
    {
        Directory.Refresh();
        if (Open?.RoomId != reset.RoomId) return;
        // A room without a message looks the same as before.
        if (Open.Timeline.FirstSeq is not null) Connection.Reloaded();
        LoadAgain(Open);
    }

    // Who came and went while the connection was away was told to others.
    private void Resume(RoomResumed resumed)
    {
        if (Open?.RoomId == resumed.RoomId) Directory.AskPresence(resumed.RoomId);
        else Directory.Resume(resumed.RoomId);
    }

    private void Leave(SubscriptionEnded ended)
    {
        Directory.Remove(ended.RoomId);
        // Not opened again: that would join a public room anew.
        if (Open?.RoomId != ended.RoomId) return;
        _opening?.Cancel();
        Open.Lose();
    }

    // Fell too far behind: what is shown is read anew instead of event by event.
    private void Reload()
    {
        Connection.Set(_connection!.State);
        Directory.Refresh();
        if (Open is { } room) LoadAgain(room);
    }

    private void LoadAgain(OpenRoom room)
    {
        var opening = _opening!;
        _tasks!.Run("Loading a room anew", _ => room.LoadAsync(null, opening.Token));
    }

    private void Wake()
    {
        var now = time.GetUtcNow();
        var change = Change.Notice;
        if (Sender.Tick(now)) change |= Change.Timeline;
        if (Open?.Typing.Tick(now) == true) change |= Change.Typing;
        if (now - _minute >= TimeSpan.FromMinutes(1))
        {
            // "5 min ago" and "Today" go on.
            _minute = now;
            Open?.Timeline.Changed();
            change |= Change.Members | Change.Timeline;
        }
        Signal.Raise(change);
        Rearm();
    }

    private void Rearm()
    {
        DateTimeOffset?[] due = [Sender.NextChange(time.GetUtcNow()), Open?.Typing.NextChange, Connection.NextChange];
        _timer?.SleepUntil(due.Min());
    }
}
