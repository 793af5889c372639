using Chat.Contracts;
using Chat.Contracts.Api;

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
public sealed class ChatConnection(ChatClientOptions options) : IAsyncDisposable
{
    private readonly ChatClientOptions _options = options;

    /// <summary>What the connection is doing now.</summary>
    public ConnectionState State { get; private set; } = new(ConnectionStatus.NotStarted);

    /// <summary>The server's first frame of the current connection (user, connection and node ids); null before the first one.</summary>
    public ChatEvent? Welcome { get; private set; }

    /// <summary>Raised at each change of <see cref="State"/>. What was missed meanwhile follows <see cref="ConnectionStatus.Connected"/> as events.</summary>
    public event Action<ConnectionState>? StateChanged;

    /// <summary>Every event: durable ones of subscribed rooms and direct rooms, and ephemeral ones (<c>typing</c>, <c>presence</c>, <c>read</c>, …).</summary>
    public event Action<ChatEvent>? EventReceived;

    /// <summary>A room must be loaded from history again.</summary>
    public event Action<RoomReset>? RoomReset;

    /// <summary>A subscription ended because the user is no longer in the room or may no longer read it.</summary>
    public event Action<SubscriptionEnded>? SubscriptionEnded;

    /// <summary>
    /// Starts connecting and returns when the first connection stands. While the server cannot be reached it goes on trying;
    /// cancelling <paramref name="cancellationToken"/> only ends this wait.
    /// </summary>
    /// <exception cref="ChatException">The connection was closed for good, e.g. <c>unauthorized</c>; <see cref="State"/> says why.</exception>
    public Task StartAsync(CancellationToken cancellationToken = default) => throw new NotImplementedException();

    /// <summary>
    /// Receives a room's events from now on, or from <paramref name="sinceSeq"/> on when given; a public room is joined by it.
    /// Waits for a connection if there is none. Subscribing again replaces the subscription.
    /// </summary>
    /// <param name="roomId">The room.</param>
    /// <param name="sinceSeq">The newest number that the caller has.</param>
    /// <param name="epoch">The epoch of <paramref name="sinceSeq"/>; the current one is meant when left out.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <exception cref="ChatException"><c>not_found</c>, <c>forbidden</c>, <c>unavailable</c> …</exception>
    public Task<Subscription> SubscribeAsync(string roomId, long? sinceSeq = null, string? epoch = null, CancellationToken cancellationToken = default) => throw new NotImplementedException();

    /// <summary>Ends a subscription, also when there is no connection.</summary>
    public Task UnsubscribeAsync(string roomId, CancellationToken cancellationToken = default) => throw new NotImplementedException();

    /// <summary>
    /// Sends a message and returns when it is durable. It is repeated, over reconnects too, until it is acknowledged or refused;
    /// messages of one room are sent in the order of the calls. Cancelling stops repeating it: whether it was accepted is then unknown.
    /// </summary>
    /// <exception cref="ChatException">Refused (<c>bad_request</c>, <c>forbidden</c>, <c>not_found</c>, <c>too_large</c> …), the outbox is full (<c>unavailable</c>), or the connection was closed for good.</exception>
    public Task<SendReceipt> SendMessageAsync(string roomId, string content, SendOptions? options = null, CancellationToken cancellationToken = default) => throw new NotImplementedException();

    /// <summary>Sends a direct message, making the direct room when there is none; otherwise as <see cref="SendMessageAsync"/>.</summary>
    public Task<SendReceipt> SendDirectMessageAsync(string userId, string content, SendOptions? options = null, CancellationToken cancellationToken = default) => throw new NotImplementedException();

    /// <summary>A page of history, ascending: the newest, or before or after a number.</summary>
    /// <exception cref="ChatException"><c>not_found</c>, <c>bad_request</c>, <c>unavailable</c> …</exception>
    public Task<HistoryPage> GetHistoryAsync(string roomId, long? beforeSeq = null, long? afterSeq = null, int? limit = null, CancellationToken cancellationToken = default) => throw new NotImplementedException();

    /// <summary>Who is in the room and whether they are online; <paramref name="after"/> is the last user id of the page before.</summary>
    /// <exception cref="ChatException"><c>not_found</c>, <c>bad_request</c>, <c>unavailable</c> …</exception>
    public Task<PresencePage> GetPresenceAsync(string roomId, int? limit = null, string? after = null, CancellationToken cancellationToken = default) => throw new NotImplementedException();

    /// <summary>Tells the others that the user types, or stopped. Goes out now or not at all.</summary>
    public Task SetTypingAsync(string roomId, bool active, CancellationToken cancellationToken = default) => throw new NotImplementedException();

    /// <summary>Moves the user's read marker to <paramref name="seq"/>; a lower one is ignored unless <paramref name="markUnread"/> is true.</summary>
    /// <exception cref="ChatException"><c>not_found</c>, <c>bad_request</c>, <c>unavailable</c> …</exception>
    public Task<ReadReceipt> MarkReadAsync(string roomId, long seq, bool markUnread = false, CancellationToken cancellationToken = default) => throw new NotImplementedException();

    /// <summary>Closes the connection. What still waits in the outbox fails with <c>unavailable</c>.</summary>
    public ValueTask DisposeAsync() => throw new NotImplementedException();
}
