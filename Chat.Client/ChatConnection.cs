using Chat.Client.Connecting;
using Chat.Client.Delivery;
using Chat.Client.Rooms;
using Chat.Client.Sending;
using Chat.Contracts;
using Chat.Contracts.Api;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Chat.Client;

/// <summary>
/// A connection to the platform that stays: it reconnects with full jitter, resumes every subscription where it was, and repeats
/// unacknowledged messages with the same <c>client_id</c>. Within a room each durable event is raised once, in order of its <c>seq</c>,
/// without a hole; where that cannot be, <see cref="RoomReset"/> says so. All members may be called from any thread.
/// </summary>
/// <remarks>
/// Events are raised one after the other from one task of the connection: a handler that takes long delays the following ones.
/// What a handler throws is logged and stops nothing.
/// </remarks>
public sealed class ChatConnection : IAsyncDisposable
{
    private readonly CancellationTokenSource _disposed = new();
    private readonly TaskCompletionSource _firstConnection = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly CurrentLink _links = new();
    private readonly EventDelivery _delivery;
    private readonly RoomStreams _rooms;
    private readonly Requests _requests;
    private readonly Outbox _outbox;
    private readonly ConnectionLoop _loop;
    private readonly TimeProvider _time;
    private readonly Lock _gate = new();
    private volatile ConnectionState _state = new(ConnectionStatus.NotStarted);
    private Task? _running;
    private Task? _disposing;

    /// <summary>A connection that does nothing until <see cref="StartAsync"/>.</summary>
    public ChatConnection(ChatClientOptions options)
    {
        ILogger logger = options.LoggerFactory?.CreateLogger<ChatConnection>() ?? NullLogger<ChatConnection>.Instance;
        var delays = new ReconnectDelay(options.ReconnectBase, options.ReconnectCap, Random.Shared);
        _time = options.TimeProvider;
        _delivery = new EventDelivery(options.MaxQueuedEvents, Raise, logger);
        _rooms = new RoomStreams(_delivery, options, delays, logger);
        _requests = new Requests(_links, options);
        _outbox = new Outbox(_links, options, delays, logger);
        _loop = new ConnectionLoop(options, _links, _rooms, _delivery, delays, SetState, logger);
    }

    /// <summary>What waits for the event handlers.</summary>
    internal EventDelivery Delivery => _delivery;

    /// <summary>What the connection is doing now.</summary>
    public ConnectionState State => _state;

    /// <summary>The server's first frame of the current connection (user, connection and node ids); null before the first one.</summary>
    public ChatEvent? Welcome => _loop.Welcome;

    /// <summary>Raised at each change of <see cref="State"/>. What was missed meanwhile follows <see cref="ConnectionStatus.Connected"/> as events.</summary>
    public event Action<ConnectionState>? StateChanged;

    /// <summary>Every event: durable ones of subscribed rooms and direct rooms, and ephemeral ones (<c>typing</c>, <c>presence</c>, <c>read</c>, …).</summary>
    public event Action<ChatEvent>? EventReceived;

    /// <summary>A room must be loaded from history again.</summary>
    public event Action<RoomReset>? RoomReset;

    /// <summary>A room's subscription goes on over a new connection.</summary>
    public event Action<RoomResumed>? RoomResumed;

    /// <summary>A subscription ended because the user is no longer in the room or may no longer read it.</summary>
    public event Action<SubscriptionEnded>? SubscriptionEnded;

    /// <summary>
    /// Starts connecting and returns when the first connection stands. While the server cannot be reached it goes on trying;
    /// cancelling <paramref name="cancellationToken"/> only ends this wait.
    /// </summary>
    /// <exception cref="ChatException">The connection was closed for good, e.g. <c>unauthorized</c>; <see cref="State"/> says why.</exception>
    public Task StartAsync(CancellationToken cancellationToken = default)
    {
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_disposing is not null, this);
            _running ??= Task.Run(() => _loop.RunAsync(_disposed.Token), CancellationToken.None);
        }
        return _firstConnection.Task.WaitAsync(cancellationToken);
    }

    /// <summary>
    /// Receives a room's events from now on, or from <paramref name="sinceSeq"/> on when given; a public room is joined by it.
    /// Waits for a connection if there is none. Subscribing again replaces the subscription.
    /// </summary>
    /// <param name="roomId">The room.</param>
    /// <param name="sinceSeq">The newest number that the caller has.</param>
    /// <param name="epoch">The epoch of <paramref name="sinceSeq"/>; the current one is meant when left out.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <exception cref="ChatException"><c>not_found</c>, <c>forbidden</c>, <c>unavailable</c> …</exception>
    public async Task<Subscription> SubscribeAsync(
        string roomId, long? sinceSeq = null, string? epoch = null, CancellationToken cancellationToken = default)
    {
        var stream = _rooms.Open(roomId, sinceSeq, epoch);
        var command = new ClientCommand { EventType = CommandTypes.Subscribe, RoomId = roomId, SinceSeq = sinceSeq, Epoch = epoch };
        try
        {
            var ack = await _requests.SendAsync(command, reply => _rooms.Accept(stream, reply, resumed: false), cancellationToken);
            return new Subscription(roomId, ack.Epoch ?? "", ack.HeadSeq ?? 0, ack.FirstSeq ?? 0, ack.Recovered ?? true, ack.Events ?? []);
        }
        catch
        {
            // The server may have taken it, or still has the subscription that this one was to replace.
            if (_rooms.Forget(stream)) await SendNowAsync(new ClientCommand { EventType = CommandTypes.Unsubscribe, RoomId = roomId }, CancellationToken.None);
            throw;
        }
    }

    /// <summary>Ends a subscription, also when there is no connection.</summary>
    public Task UnsubscribeAsync(string roomId, CancellationToken cancellationToken = default)
    {
        _rooms.Forget(roomId);
        return SendNowAsync(new ClientCommand { EventType = CommandTypes.Unsubscribe, RoomId = roomId }, cancellationToken);
    }

    /// <summary>
    /// Sends a message and returns when it is durable. It is repeated, over reconnects too, until it is acknowledged or refused;
    /// messages of one room are sent in the order of the calls. Cancelling stops repeating it: whether it was accepted is then unknown.
    /// </summary>
    /// <exception cref="ChatException">Refused (<c>bad_request</c>, <c>forbidden</c>, <c>not_found</c>, <c>too_large</c> …), the outbox is full (<c>unavailable</c>), or the connection was closed for good.</exception>
    public Task<SendReceipt> SendMessageAsync(string roomId, string content, SendOptions? options = null, CancellationToken cancellationToken = default) =>
        SendAsync(new ClientCommand { EventType = CommandTypes.ChatMessage, RoomId = roomId, Content = content }, options, cancellationToken);

    /// <summary>Sends a direct message, making the direct room when there is none; otherwise as <see cref="SendMessageAsync"/>.</summary>
    public Task<SendReceipt> SendDirectMessageAsync(string userId, string content, SendOptions? options = null, CancellationToken cancellationToken = default) =>
        SendAsync(new ClientCommand { EventType = CommandTypes.DirectMessage, UserId = userId, Content = content }, options, cancellationToken);

    /// <summary>Sends a durable <c>data_update</c>, e.g. JSON as text; otherwise as <see cref="SendMessageAsync"/>.</summary>
    public Task<SendReceipt> SendDataAsync(string roomId, string content, SendOptions? options = null, CancellationToken cancellationToken = default) =>
        SendAsync(new ClientCommand { EventType = CommandTypes.DataUpdate, RoomId = roomId, Content = content }, options, cancellationToken);

    /// <summary>Sends a <c>data_update</c> that is not kept. Goes out now or not at all.</summary>
    public Task SendEphemeralDataAsync(string roomId, string content, CancellationToken cancellationToken = default) =>
        SendNowAsync(new ClientCommand { EventType = CommandTypes.DataUpdate, RoomId = roomId, Content = content, Ephemeral = true }, cancellationToken);

    /// <summary>Changes one's own message; otherwise as <see cref="SendMessageAsync"/>, and in order with the messages of the room.</summary>
    public Task<SendReceipt> EditMessageAsync(
        string roomId, string eventId, string content, SendOptions? options = null, CancellationToken cancellationToken = default) =>
        SendAsync(new ClientCommand { EventType = CommandTypes.EditMessage, RoomId = roomId, TargetId = eventId, Content = content }, options, cancellationToken);

    /// <summary>Deletes a message; otherwise as <see cref="EditMessageAsync"/>.</summary>
    public Task<SendReceipt> DeleteMessageAsync(string roomId, string eventId, SendOptions? options = null, CancellationToken cancellationToken = default) =>
        SendAsync(new ClientCommand { EventType = CommandTypes.DeleteMessage, RoomId = roomId, TargetId = eventId }, options, cancellationToken);

    /// <summary>Adds a reaction to a message, or takes it back with <paramref name="remove"/>; otherwise as <see cref="EditMessageAsync"/>.</summary>
    public Task<SendReceipt> ReactAsync(
        string roomId, string eventId, string emoji, bool remove = false, SendOptions? options = null, CancellationToken cancellationToken = default)
    {
        var command = new ClientCommand { EventType = CommandTypes.React, RoomId = roomId, TargetId = eventId, Content = emoji, Remove = remove ? true : null };
        return SendAsync(command, options, cancellationToken);
    }

    /// <summary>A page of history, ascending: the newest, or before or after a number. With <paramref name="state"/> messages carry their reactions and replies.</summary>
    /// <exception cref="ChatException"><c>not_found</c>, <c>bad_request</c>, <c>unavailable</c> …</exception>
    public async Task<HistoryPage> GetHistoryAsync(
        string roomId, long? beforeSeq = null, long? afterSeq = null, int? limit = null, bool state = false, CancellationToken cancellationToken = default)
    {
        var command = new ClientCommand
        {
            EventType = CommandTypes.History,
            RoomId = roomId,
            BeforeSeq = beforeSeq,
            AfterSeq = afterSeq,
            Limit = limit,
            State = state ? true : null,
        };
        var ack = await _requests.SendAsync(command, onAck: null, cancellationToken);
        return new HistoryPage(ack.Events ?? [], ack.HeadSeq ?? 0, ack.HasMore ?? false);
    }

    /// <summary>Who is in the room and whether they are online; <paramref name="after"/> is the last user id of the page before.</summary>
    /// <exception cref="ChatException"><c>not_found</c>, <c>bad_request</c>, <c>unavailable</c> …</exception>
    public async Task<PresencePage> GetPresenceAsync(
        string roomId, int? limit = null, string? after = null, CancellationToken cancellationToken = default)
    {
        var command = new ClientCommand { EventType = CommandTypes.Presence, RoomId = roomId, Limit = limit, After = after };
        var ack = await _requests.SendAsync(command, onAck: null, cancellationToken);
        return new PresencePage(ack.Count ?? 0, ack.Users ?? [], ack.HasMore ?? false);
    }

    /// <summary>Tells the others that the user types, or stopped. Goes out now or not at all.</summary>
    public Task SetTypingAsync(string roomId, bool active, CancellationToken cancellationToken = default) =>
        SendNowAsync(new ClientCommand { EventType = CommandTypes.Typing, RoomId = roomId, Active = active }, cancellationToken);

    /// <summary>Moves the user's read marker to <paramref name="seq"/>; a lower one is ignored unless <paramref name="markUnread"/> is true.</summary>
    /// <exception cref="ChatException"><c>not_found</c>, <c>bad_request</c>, <c>unavailable</c> …</exception>
    public async Task<ReadReceipt> MarkReadAsync(
        string roomId, long seq, bool markUnread = false, CancellationToken cancellationToken = default)
    {
        var command = new ClientCommand { EventType = CommandTypes.Read, RoomId = roomId, Seq = seq, MarkUnread = markUnread ? true : null };
        var ack = await _requests.SendAsync(command, onAck: null, cancellationToken);
        return new ReadReceipt(ack.RoomId ?? roomId, ack.Seq ?? seq, ack.Unread ?? 0);
    }

    /// <summary>Closes the connection. What still waits in the outbox fails with <c>unavailable</c>.</summary>
    public ValueTask DisposeAsync()
    {
        // A handler that waits for the end must not be waited for.
        var inHandler = _delivery.IsInHandler;
        lock (_gate) _disposing ??= Task.Run(() => EndAsync(inHandler));
        return new ValueTask(_disposing);
    }

    private async Task EndAsync(bool inHandler)
    {
        await _disposed.CancelAsync();
        Task? running;
        lock (_gate) running = _running;
        // Never started: the loop then ends at once, and tells those who wait.
        await (running ?? _loop.RunAsync(_disposed.Token));
        await _outbox.EndAsync();
        var delivered = _delivery.EndAsync();
        if (!inHandler) await delivered;
        _disposed.Dispose();
    }

    private Task<SendReceipt> SendAsync(ClientCommand command, SendOptions? options, CancellationToken cancellationToken) =>
        _outbox.SendAsync(
            command with
            {
                ClientId = options?.ClientId ?? Guid.CreateVersion7(_time.GetUtcNow()).ToString(),
                ReplyTo = options?.ReplyTo,
                ContentType = options?.ContentType,
            },
            options?.Progress,
            cancellationToken);

    // For what is of no use later: without a connection nothing is sent, and nothing is reported.
    private async Task SendNowAsync(ClientCommand command, CancellationToken cancellationToken)
    {
        if (_links.Now is not { } link) return;
        try
        {
            await link.SendAsync(command, cancellationToken);
        }
        catch (ConnectionLostException)
        {
            _links.Abandon(link);
        }
    }

    private void SetState(ConnectionState state)
    {
        _state = state;
        if (state.Status == ConnectionStatus.Connected) _firstConnection.TrySetResult();
        if (state.Status == ConnectionStatus.Closed && _firstConnection.TrySetException(_links.ClosedBecause!))
            _ = _firstConnection.Task.Exception; // observed: StartAsync may not be waiting
        _delivery.Post(state);
    }

    private void Raise(object notice)
    {
        switch (notice)
        {
            case ChatEvent received: RaiseEach(EventReceived, received); break;
            case ConnectionState state: RaiseEach(StateChanged, state); break;
            case RoomReset reset: RaiseEach(RoomReset, reset); break;
            case RoomResumed resumed: RaiseEach(RoomResumed, resumed); break;
            case SubscriptionEnded ended: RaiseEach(SubscriptionEnded, ended); break;
        }
    }

    // One after the other, not by the delegate's own Invoke: there the first failure would keep the notice from all later handlers.
    private void RaiseEach<T>(Action<T>? handlers, T notice) where T : notnull
    {
        foreach (var handler in Delegate.EnumerateInvocationList(handlers)) _delivery.Guard(handler, notice);
    }
}
